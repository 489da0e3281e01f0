"""`edgectl verify`: the very verifier that lies in each export. Needs no daemon, no network and no configuration."""

from __future__ import annotations

import click

from edged import exits
from edged.cli.options import json_option


@click.command()
@click.argument("path", type=click.Path())
@click.option("--key", metavar="FINGERPRINT|FILE", help="The office's key, as it published it.")
@click.option("--lang", type=click.Choice(["zh", "en"]), help="Only one of the two languages.")
@json_option
def verify(*, path: str, key: str | None, lang: str | None, as_json: bool) -> int:
    """Check a folder of exported footage: is it the original, is it whole, what is missing?"""
    from edged.evidence.verify import main

    options = [*(["--key", key] if key else []), *(["--lang", lang] if lang else []), *(["--json"] if as_json else [])]
    try:
        return main([*options, "--", path])
    except SystemExit as end:  # called wrongly, as it has told
        return int(end.code or exits.OK)
