"""Pictures of all papers for docs/papers.md: `python -m tests.support.form_pictures [DIRECTORY]`.

Chromium shows each paper as it would print it, on white. Needs chromium, ffmpeg and a font for Chinese
(fonts-noto-cjk): `script/setup test`.
"""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from edged.documents.registers import CopyRegister, RequestRegister, ViewingRegister, YearRegister
from edged.papers import letters
from edged.papers.annexes import printed_form
from edged.papers.case_file import case_file
from edged.papers.notices import notice, slip
from edged.papers.receipt import label, receipt
from edged.papers.register_page import page as register
from tests.support import samples_registers
from tests.support.devtools import Browser
from tests.support.paper_cases import COPY, ROWS, PaperStory
from tests.support.papers import SCOPE, WORDS, every_row, told

PLACE: Final = Path(__file__).parents[2] / "docs" / "forms"
PAPER: Final = """
if ("{margins}") document.body.style.padding = "{margins}";
document.body.style.background = "white";
return document.documentElement.scrollHeight;
"""


@dataclass(frozen=True)
class Sheet:
    """In CSS pixels."""

    width: int = 794
    height: int = 1123
    margins: str = "20mm 18mm"


FORM: Final = Sheet(margins="12mm 15mm 10mm")
ACROSS: Final = Sheet(1123, 794, "12mm 10mm")
LABEL: Final = Sheet(340, 227, "")
"""90 × 60 mm; it has its own margins."""


def papers() -> Iterator[tuple[str, str]]:
    """Names of files, and what they show: those that are one A4, or one for each original."""
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


def other_papers() -> Iterator[tuple[str, str]]:
    """Of a copy that the police handed over, and all registers."""
    of, row = next((of, row) for of, row in ROWS if row.row == "P-public")
    case = PaperStory.of(of, row, WORDS).whole().paper()
    yield "reply", letters.reply(case)
    yield "receipt", receipt(case, COPY)
    yield "label", label(case, COPY)
    yield "case-file", case_file(case)
    yield "register-viewings", register(ViewingRegister.model_validate(samples_registers.VIEWINGS))
    yield "register-requests", register(RequestRegister.model_validate(samples_registers.REQUESTS))
    yield "register-copies", register(CopyRegister.model_validate(samples_registers.COPIES))
    yield "register-year", register(YearRegister.model_validate(samples_registers.YEAR))


def sheet_of(name: str) -> Sheet:
    if name == "label":
        return LABEL
    return ACROSS if name.startswith("register") else Sheet()


async def shots(place: Path) -> list[tuple[str, bytes]]:
    """Of pages that lie there, each as PNG."""
    every = [(name, html, FORM) for name, html in papers()]
    every += [(name, html, sheet_of(name)) for name, html in other_papers()]
    found = []
    with Browser(f"--window-size={FORM.width},{FORM.height}") as browser:
        for name, html, sheet in every:
            async with browser.opened(_laid(place, name, html)) as page:
                size = {"width": sheet.width, "deviceScaleFactor": 1, "mobile": False}
                await page.call("Emulation.setEmulatedMedia", media="print")
                await page.call("Emulation.setDeviceMetricsOverride", height=sheet.height, **size)
                height = max(sheet.height, await page.run(PAPER.format(margins=sheet.margins)))
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
