"""`edgectl snapshot`: a picture of a camera as it is now, written as the person who asks."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final, cast, get_args

import click
from rich.text import Text

from edged.cli import output
from edged.cli.client import Address
from edged.cli.formatting import clean
from edged.cli.options import AS_GIVEN, CAMERA, address_given, json_option
from edged.cli.output import may_write
from edged.documents import pictures as documents
from edged.words import exit_codes, units

MODE: Final = 0o600
"""Of a picture of people: for whoever asked alone."""


@click.command(short_help="A picture of a camera as it is now, as a JPEG.")
@click.argument("camera", type=CAMERA)
@click.option("--out", metavar="FILE", type=AS_GIVEN, help="Write it there; it must not exist.  [CAMERA.jpg]")
@click.option(
    "--for",
    "purpose",
    type=click.Choice(get_args(documents.Purpose)),
    default="inspection",
    show_default=True,
    help="What it is looked at for; it goes on record.",
)
@json_option
@address_given
def snapshot(address: Address, camera: str, *, out: Path | None, purpose: str, as_json: bool) -> int:
    """The next key frame of CAMERA in its full size. That it was taken, by whom and for what, is on record first."""
    path = (out or Path(f"{Path(camera).name}.jpg")).absolute()
    may_write(path)
    taken, jpeg = address.daemon().picture(camera, purpose)
    _write(path, jpeg)
    document = documents.Snapshot(
        camera=camera,
        path=str(path),
        bytes=len(jpeg),
        sha256=hashlib.sha256(jpeg).hexdigest(),
        taken=taken,
        purpose=cast("documents.Purpose", purpose),
    )
    words = f"{clean(camera)}: {clean(document.path)}, {units.format_size(document.bytes)}"
    output.answer(document, lambda: Text(words), as_json=as_json)
    return exit_codes.OK


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, and in place of nothing."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, MODE)
    with os.fdopen(fd, "wb") as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise
