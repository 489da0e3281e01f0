"""Chromium prints every paper on the A4 that it is made for."""

from __future__ import annotations

import base64
import re
from typing import Final

from edged.papers.case_file import case_file
from edged.papers.letters import reply
from tests.support.devtools import opened
from tests.support.form_pictures import papers
from tests.support.papers import told

PAGE: Final = re.compile(rb"/Type\s*/Page\b(?!s)")
SIZE: Final = re.compile(rb"/MediaBox\s*\[0 0 ([0-9.]+) ([0-9.]+)\]")
SHEETS: Final = {"N-member": 2, "N-agency": 2, "J-public": 2}
"""Two originals each; 申請須知 fills the first page, so what the annex has no field for stands on a second."""


async def test_each_form_is_one_page_of_a4() -> None:
    async with opened("about:blank") as page:
        frame = (await page.call("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        for name, html in papers():
            await page.call("Page.setDocumentContent", frameId=frame, html=html)
            assert await page.run("return document.body.scrollWidth <= document.documentElement.clientWidth"), name
            made = await page.call("Page.printToPDF", preferCSSPageSize=True)
            pdf = base64.b64decode(made["data"])
            assert len(PAGE.findall(pdf)) == SHEETS.get(name, 1), name
            assert {(round(float(x)), round(float(y))) for x, y in SIZE.findall(pdf)} == {(595, 842)}, name


async def test_a_word_without_end_stays_on_the_paper() -> None:
    """What lies beyond the edge is not printed, and nobody sees that."""
    case = told("P-public", {"applicant": "W" * 999, "address": "W" * 999}).paper()
    async with opened("about:blank") as page:
        frame = (await page.call("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        for html in (reply(case), case_file(case)):
            assert "W" * 999 in html
            await page.call("Page.setDocumentContent", frameId=frame, html=html)
            assert await page.run("return document.body.scrollWidth <= document.documentElement.clientWidth")
