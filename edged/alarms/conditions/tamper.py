"""Files that are not as edged left them: an alarm for each volume, critical until they are again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edged.alarms.tracking import Trouble
from storage.segments.findings_table import TamperedFiles
from storage.words.results import Severity

WORDS = {
    "missing": "is gone",
    "size": "has another size",
    "content": "has other content",
    "unreadable": "cannot be read",
    "appeared": "appeared",
    "strange": "appeared",
    "link": "was given another name",
    "pin": "lost the link that pins it",
    "sidecar": "does not say what is pinned any more",
}


def troubles(tampered: Iterable[TamperedFiles]) -> Iterator[tuple[str, Trouble]]:
    for one in tampered:
        named = ", ".join(f"{path} {WORDS.get(kind, 'differs')}" for path, kind in one.files)
        text = f"Files on volume {one.path} are not as edged left them: {named}{' and others' if one.more else ''}"
        action = "Find out who did it and secure what is left; `edgectl fsck --level hash` names every file"
        yield f"storage.tampered:{one.volume}", Trouble(Severity.CRITICAL, text, action)
