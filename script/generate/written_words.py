"""Files that carry words of the catalogues with them, because they stand alone: written by `script/messages`.

- `edged/evidence/verify.py` and `edged/evidence/statement.py`, between two marks;
- `edged/evidence/page/words.json` and `fleet/messages.js`, as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from script.generate import fleet_words, page_words, verifier_words
from script.generate.catalogues import LANGUAGES, ROOT, catalogue

BEGIN: Final = "# --- What follows is written by script/messages from the catalogues of words: change it there. ".ljust(
    120, "-"
)
END: Final = "# --- Up to here. ".ljust(120, "-")
VERIFIER: Final = ROOT / "edged" / "evidence" / "verify.py"
STATEMENT: Final = ROOT / "edged" / "evidence" / "statement.py"
PAGE: Final = ROOT / "edged" / "evidence" / "page" / "words.json"
FLEET: Final = ROOT / "fleet" / "messages.js"


def written() -> Iterator[tuple[Path, str]]:
    """Each file as it must be."""
    known = {
        language: {one.context: str(one.string) for one in catalogue(language) if one.context} for language in LANGUAGES
    }

    def words(language: str, told: tuple[str, str]) -> str:
        code, english = told
        return known[language].get(code) or english

    yield VERIFIER, _between_marks(VERIFIER, verifier_words.verifier(words))
    yield STATEMENT, _between_marks(STATEMENT, verifier_words.statement(words))
    yield PAGE, page_words.document(words)
    yield FLEET, fleet_words.script(known["zh_TW"], known["en"])


def _between_marks(path: Path, lines: Iterable[str]) -> str:
    before, _, rest = path.read_text("utf-8").partition(f"{BEGIN}\n")
    _, _, after = rest.partition(f"{END}\n")
    if not after:
        raise ValueError(f"{path} has lost its marks")
    return "\n".join((before + BEGIN, *lines, END, after))


def update() -> None:
    for path, text in written():
        path.write_text(text, "utf-8")


def faults() -> Iterator[str]:
    for path, text in written():
        if not path.exists() or path.read_text("utf-8") != text:
            yield f"{path.relative_to(ROOT)} has not the words of the catalogues: run script/messages"
