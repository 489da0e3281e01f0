"""`edgectl verify`: the very verifier that lies in each export, and that of statements on retention.

Needs no daemon, no network and no configuration.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click

from edged import exits
from edged.cli.options import json_option

BOTH: Final = ("zh", "en")


@click.command()
@click.argument("path", type=click.Path())
@click.option("--key", metavar="FINGERPRINT|FILE", help="The office's key, as it published it.")
@click.option("--lang", type=click.Choice(BOTH), help="Only one of the two languages.")
@json_option
def verify(*, path: str, key: str | None, lang: str | None, as_json: bool) -> int:
    """Check a folder of exported footage (is it the original, is it whole, what is missing?), or the file of a
    `proof-of-retention`.
    """
    from edged.evidence.verify import main

    if Path(path).is_file():
        return statement(Path(path), key, (lang,) if lang else BOTH, as_json=as_json)
    options = [*(["--key", key] if key else []), *(["--lang", lang] if lang else []), *(["--json"] if as_json else [])]
    try:
        return main([*options, "--", path])
    except SystemExit as end:  # called wrongly, as it has told
        return int(end.code or exits.OK)


def statement(path: Path, key: str | None, languages: tuple[str, ...], *, as_json: bool) -> int:
    """The file that `proof-of-retention --out` wrote."""
    from edged.evidence.stated import read
    from edged.evidence.verify import fingerprints, page

    try:
        found = read(path, fingerprints(key, path) if key else None)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else "\n".join(page(found, languages)))
    return exits.OK if found["intact"] else exits.FAILED
