"""The page of an export where an officer chooses what is not its folder, or types what is no fingerprint."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.integration.edged.evidence import exports
from tests.integration.edged.evidence.exports import Export
from tests.support import devtools

READ = """
const result = document.getElementById("result");
const ends = Date.now() + 30000;
while (!result.querySelector(".verdict") && Date.now() < ends) await new Promise(done => setTimeout(done, 20));
const told = [...result.querySelectorAll(".verdict")].map(one => [one.className, one.innerText]);
result.replaceChildren();
document.getElementById("folder").value = "";
return told;
"""


async def test_whatever_is_chosen_the_verdict_is_of_what_the_page_plays(tmp_path: Path) -> None:
    genuine: Export = exports.genuine(tmp_path / "stick" / "one")
    other = exports.genuine(tmp_path / "other", export="E-20260502-0TH3").root
    shutil.copytree(genuine.root, tmp_path / "stick" / "two")
    async with devtools.opened((genuine.root / "index.html").as_uri()) as page:
        about = await page.run("return document.getElementById('about').innerText")
        await page.choose("#folder", genuine.root)
        good = await page.run(READ)
        await page.choose("#folder", tmp_path / "stick")
        several = await page.run(READ)
        await page.choose("#folder", other)
        others = await page.run(READ)
        await page.run("document.getElementById('pin').value = '1234 zz'")
        await page.choose("#folder", genuine.root)
        typed = await page.run(READ)
    assert f"case {exports.TOLD['case']}" in about
    assert [sign for sign, _ in good] == ["verdict good"]
    assert [(sign, "choose one of them" in text) for sign, text in several] == [("verdict bad", True)]
    assert "E-20260502-0TH3 was checked" in others[0][1]
    assert [sign for sign, _ in others] == ["verdict bad", "verdict good"]
    assert [(sign, "64 digits" in text) for sign, text in typed] == [("verdict bad", True)]
