"""Chromium prints every paper on the sheet that it is made for."""

from __future__ import annotations

import base64
import re
from typing import Final

from edged.papers.case_file import case_file
from edged.papers.letters import reply
from tests.support.devtools import Page, opened
from tests.support.form_pictures import other_papers, papers
from tests.support.papers import told

PAGE: Final = re.compile(rb"/Type\s*/Page\b(?!s)")
SIZE: Final = re.compile(rb"/MediaBox\s*\[0 0 ([0-9.]+) ([0-9.]+)\]")
SHEETS: Final = {"N-member": 2, "N-agency": 2, "J-public": 2}
"""Two originals each; 申請須知 fills the first page, so what the annex has no field for stands on a second."""
A4: Final = (595, 842)
ACROSS: Final = (842, 595)
SIZES: Final = {
    "reply": A4, "receipt": A4, "label": (255, 170), "case-file": A4, "register-viewings": ACROSS,
    "register-requests": ACROSS, "register-copies": ACROSS, "register-year": ACROSS,
}  # fmt: skip
"""In points."""
LONG: Final = ("case-file", "register-year")
"""Those that have several pages with what the sample says."""


async def test_each_paper_is_of_the_size_that_it_is_made_for() -> None:
    async with opened("about:blank") as page:
        frame = (await page.call("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        for name, html in papers():
            await page.call("Page.setDocumentContent", frameId=frame, html=html)
            assert await page.run("return document.body.scrollWidth <= document.documentElement.clientWidth"), name
            pdf = await printed(page)
            assert (len(PAGE.findall(pdf)), sizes(pdf)) == (SHEETS.get(name, 1), {A4}), name
        for name, html in other_papers():
            await page.call("Page.setDocumentContent", frameId=frame, html=html)
            pdf = await printed(page)
            assert (len(PAGE.findall(pdf)) > 1, sizes(pdf)) == (name in LONG, {SIZES[name]}), name


async def printed(page: Page) -> bytes:
    made = await page.call("Page.printToPDF", preferCSSPageSize=True)
    return base64.b64decode(made["data"])


def sizes(pdf: bytes) -> set[tuple[int, int]]:
    return {(round(float(x)), round(float(y))) for x, y in SIZE.findall(pdf)}


async def test_a_word_without_end_stays_on_the_paper() -> None:
    """What lies beyond the edge is not printed, and nobody sees that."""
    case = told("P-public", {"applicant": "W" * 999, "address": "W" * 999}).paper()
    async with opened("about:blank") as page:
        frame = (await page.call("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        for html in (reply(case), case_file(case)):
            assert "W" * 999 in html
            await page.call("Page.setDocumentContent", frameId=frame, html=html)
            assert await page.run("return document.body.scrollWidth <= document.documentElement.clientWidth")
