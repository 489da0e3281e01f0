"""docs/night.md as a technician reads it: what it says that the screen says, by item."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.support.rtsp_server import REPOSITORY

PAGE: Final = Path(REPOSITORY, "docs", "night.md")
COMMANDS: Final = ("status", "doctor")
ANYTHING: Final = "…"
ITEM: Final = r"^## (\d+)\. [^\n]*\n(.*?)(?=^## |\Z)"


def quotes() -> dict[int, list[tuple[str, str]]]:
    """By the number of the item: which command says it, and its words."""
    found = {}
    for number, body in re.findall(ITEM, PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        lines = re.findall(r"^    (\w+)  (.+)$", body, re.MULTILINE)
        assert lines, number
        assert all(command in COMMANDS for command, _ in lines), number
        found[int(number)] = lines
    return found


def unsaid(number: int, screens: Mapping[str, str]) -> list[str]:
    """Quotes of this item that no screen says; how lines are broken is no matter. `screens`: by command."""
    plain = {command: " ".join(screen.replace("→", " ").split()) for command, screen in screens.items()}
    return [words for command, words in quotes()[number] if not re.search(_pattern(words), plain[command])]


def _pattern(words: str) -> str:
    parts = [r"\s+".join(re.escape(word) for word in part.split()) for part in words.split(ANYTHING)]
    return r"\s*.{0,300}?\s*".join(parts)
