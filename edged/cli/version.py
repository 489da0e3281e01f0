"""`edgectl version`, apart from the other verbs: without their screens it answers at once."""

from __future__ import annotations

from dataclasses import asdict

import click

from edged.cli.options import json_option
from edged.host.versions import reader, versions


@click.command()
@json_option
def version(*, as_json: bool) -> None:
    """What is installed here. Needs no daemon."""
    known = versions()
    if as_json:
        from edged.documents.site import Version

        click.echo(Version(**asdict(known), reader=reader()).model_dump_json())
        return
    click.echo(
        f"edged {known.version} (Python {known.python}, PyAV {known.av}, FFmpeg {known.ffmpeg}, SQLite {known.sqlite})"
    )
