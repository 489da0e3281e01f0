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

BOTH: Final = ("zh", "en")
NAME_ONE: Final = "name the folder that index.html and verify.py lie in, or the file of a proof-of-retention"


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
            what = f"{place} is no export, but holds {units.counted(len(several), 'export')}: {', '.join(several[:3])}"
            raise CallError(what, "name one of them", exit_codes.USAGE)
    elif not place.is_file():
        raise CallError(f"{place} is neither a folder nor a file that is there", NAME_ONE, exit_codes.USAGE)
    trusted = _trusted(key, place)
    try:
        return report(Check(Folder(place, progress()), trusted).run()) if place.is_dir() else read(place, trusted)
    except (OSError, ValueError) as error:
        raise CallError(str(error), NAME_ONE, exit_codes.USAGE) from None


def _trusted(key: str | None, place: Path) -> set[str] | None:
    """The keys that somebody named."""
    from edged.evidence.verify import fingerprints

    try:
        return fingerprints(key, place) if key else None
    except OSError as error:
        what = f"--key {units.shown(key or '')} is neither a fingerprint of 64 digits nor a file ({error.strerror})"
        raise CallError(what, "give what the office published", exit_codes.USAGE) from None
    except ValueError as error:
        raise CallError(str(error), "give what the office published", exit_codes.USAGE) from None
