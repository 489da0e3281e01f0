"""`edgectl proof-of-retention`: a signed statement on what became of a month of one camera."""

from __future__ import annotations

import os
from pathlib import Path

import click
import rfc8785

from edged.cli.address import Address
from edged.cli.client import CallError
from edged.cli.files import may_write, write_new
from edged.cli.options import AS_GIVEN, CAMERA, address_given, json_option
from edged.cli.session import Session, checked
from edged.cli.statement_page import statement_screen
from edged.cli.words import language_of
from edged.documents import register as documents
from edged.words import exit_codes


@click.command(short_help="A signed statement on what became of a month of one camera.")
@click.option(
    "--camera", metavar="ID", type=CAMERA, required=True, help="Which camera; also one that is not configured any more."
)
@click.option("--month", metavar="YYYY-MM", required=True, help="Which month, in site time.")
@click.option("--out", metavar="FILE", type=AS_GIVEN, help="Write the signed statement there; it must not exist.")
@json_option
@address_given
def proof_of_retention(address: Address, *, camera: str, month: str, out: Path | None, as_json: bool) -> int:
    """What was recorded in a month, what is missing and why, what is kept, and what was destroyed: whether neither too
    early nor too late. Signed with the key of this box; `edgectl verify FILE` checks it.
    """
    try:
        wanted = documents.ProofAsked(camera=camera, month=month)
    except ValueError:
        raise click.UsageError("--month is written as 2026-05") from None
    if out is not None:
        may_write(out)
    session = Session(address.daemon(), as_json)
    body = session.daemon.post("/v1/proof-of-retention", wanted.model_dump_json().encode())
    document = checked(documents.ProofOfRetention, body)
    session.print(document, lambda: statement_screen(document, language_of(os.environ)))
    if out is None:
        return exit_codes.OK
    if document.envelope is None:
        raise CallError(f"nothing was written to {out}: {document.unsigned}", "edgectl alarms", exit_codes.FAILED)
    write_new(out, rfc8785.dumps(document.envelope.model_dump(mode="json")))
    click.echo(f"edgectl: written to {out}", err=True)
    return exit_codes.OK
