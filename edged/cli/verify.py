"""`edgectl verify`: the very verifier that lies in each export, and that of statements on retention.

Needs no daemon, no network and no configuration.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import click

from edged.cli import output
from edged.cli.client import CallError
from edged.cli.options import json_option
from edged.words import exit_codes, units
from storage.words.errors import said
from storage.words.message import Message, message

BOTH: Final = ("zh", "en")
NAME_ONE: Final = message(
    "verify.name-one.action",
    "name the folder that index.html and verify.py lie in, or the file of a proof-of-retention",
)
PUBLISHED: Final = message("verify.key.action", "give what the office published")


@click.command()
@click.argument("path", type=click.Path())
@click.option("--key", metavar="FINGERPRINT|FILE", help="The office's key, as it published it.")
@click.option("--lang", type=click.Choice(BOTH), help="Only one of the two languages.")
@json_option
def verify(*, path: str, key: str | None, lang: str | None, as_json: bool) -> int:
    """Check a folder of exported footage (is it the original, is it whole, what is missing?), or the file of a
    `proof-of-retention`.
    """
    from edged.evidence.verify import page

    found = _found(Path(path), key)
    output.console()  # what the encoding lacks is replaced
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else "\n".join(page(found, (lang,) if lang else BOTH)))
    return exit_codes.OK if found["intact"] else exit_codes.FAILED


def _found(place: Path, key: str | None) -> dict[str, Any]:
    """What the verifier says. CallError: nothing can be checked there, or against that."""
    from edged.evidence.statement import read
    from edged.evidence.verify import LIST, Check, Folder, progress, report

    if place.is_dir():
        several = [one.parent.parent.name for one in sorted(place.glob(f"*/{LIST}"))]
        if several and not (place / LIST).parent.exists():
            what = message(
                "verify.several",
                "{folder} is no export, but holds {exports}: {names}",
                folder=str(place),
                exports=_counted_exports(len(several)),
                names=several[:3],
            )
            raise CallError(what, message("verify.several.action", "name one of them"), exit_codes.USAGE)
    elif not place.is_file():
        what = message("verify.nothing-there", "{path} is neither a folder nor a file that is there", path=str(place))
        raise CallError(what, NAME_ONE, exit_codes.USAGE)
    trusted = _trusted(key, place)
    try:
        return report(Check(Folder(place, progress()), trusted).run()) if place.is_dir() else read(place, trusted)
    except (OSError, ValueError) as error:
        raise CallError(str(error), NAME_ONE, exit_codes.USAGE) from None


def _counted_exports(count: int) -> Message:
    if count == 1:
        return message("verify.exports.one", "1 export")
    return message("verify.exports.many", "{count} exports", count=count)


def _trusted(key: str | None, place: Path) -> set[str] | None:
    """The keys that somebody named."""
    from edged.evidence.verify import fingerprints

    try:
        return fingerprints(key, place) if key else None
    except OSError as error:
        what = message(
            "verify.no-key",
            "--key {given} is neither a fingerprint of 64 digits nor a file ({why})",
            given=units.shown(key or ""),
            why=said(error),
        )
        raise CallError(what, PUBLISHED, exit_codes.USAGE) from None
    except ValueError as error:
        raise CallError(str(error), PUBLISHED, exit_codes.USAGE) from None
