"""Pictures of all forms for docs/papers.md: `python -m tests.support.form_pictures [DIRECTORY]`.

Chromium shows each paper as it would print it, on a white A4. Needs chromium, ffmpeg and a font for Chinese
(fonts-noto-cjk): `script/setup test`.
"""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from edged.papers.annexes import printed_form
from edged.papers.notices import notice, slip
from tests.support.devtools import Browser
from tests.support.papers import SCOPE, every_row, told

PLACE: Final = Path(__file__).parents[2] / "docs" / "forms"
WIDTH: Final = 794
HEIGHT: Final = 1123
"""An A4 in CSS pixels."""
PAPER: Final = """
document.body.style.padding = "12mm 15mm 10mm";
document.body.style.background = "white";
return document.documentElement.scrollHeight;
"""


def papers() -> Iterator[tuple[str, str]]:
    """Names of files, and what they show."""
    for _, procedure in every_row():
        case = told(procedure.row).paper()
        if procedure.fields:
            yield procedure.row, printed_form(case).html
        else:
            yield f"{procedure.row}-notice", notice(case)
    case = told("J-public").paper()
    gone = ((SCOPE[0], 600_000),)
    yield (
        "slip",
        slip(replace(case, case=replace(case.case, request=replace(case.case.request, replied=False)), destroyed=gone)),
    )


async def shots(place: Path) -> list[tuple[str, bytes]]:
    """Of pages that lie there, each as PNG."""
    found = []
    with Browser(f"--window-size={WIDTH},{HEIGHT}") as browser:
        for name, html in papers():
            async with browser.opened(_laid(place, name, html)) as page:
                size = {"width": WIDTH, "deviceScaleFactor": 1, "mobile": False}
                await page.call("Emulation.setEmulatedMedia", media="print")
                await page.call("Emulation.setDeviceMetricsOverride", height=HEIGHT, **size)
                height = max(HEIGHT, await page.run(PAPER))
                await page.call("Emulation.setDeviceMetricsOverride", height=height, **size)
                shot = await page.call("Page.captureScreenshot", format="png")
            found.append((name, base64.b64decode(shot["data"])))
    return found


def _laid(place: Path, name: str, html: str) -> str:
    """Its address."""
    file = place / f"{name}.html"
    file.write_text(html, "utf-8")
    return file.as_uri()


def main(place: Path) -> None:
    place.mkdir(exist_ok=True)
    with TemporaryDirectory() as beside:
        for name, data in asyncio.run(shots(Path(beside))):
            (place / f"{name}.png").write_bytes(grey(data))


def grey(png: bytes) -> bytes:
    """A third of the size: papers have no colour."""
    form = ["-f", "image2pipe"]
    done = subprocess.run(
        ["ffmpeg", "-v", "error", *form, "-i", "-", "-pix_fmt", "gray", "-c:v", "png", "-pred", "mixed", *form, "-"],
        input=png, capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else PLACE)
