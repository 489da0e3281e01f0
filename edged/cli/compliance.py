"""`edgectl compliance`: how this box stands to the regulation of its office, clause by clause."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from edged.cli import compliance_page, compliance_screen
from edged.cli.address import Address
from edged.cli.files import may_write, write_new
from edged.cli.options import AS_GIVEN, address_given, json_option
from edged.cli.session import Session
from edged.documents import compliance as documents
from edged.words import exit_codes


@click.command(short_help="How this box stands to the regulation of its office.")
@click.option("--clause", metavar="ID", help="Only this one, such as W1 or P3.")
@click.option("--html", metavar="FILE", type=AS_GIVEN, help="Write a page to print there; it must not exist.")
@json_option
@address_given
def compliance(address: Address, *, clause: str | None, html: Path | None, as_json: bool) -> int:
    """Each clause of the site's profile in its own words: met, not met, to be looked at by a person, or not built yet,
    with what was measured and since when. Ends with 1 where a clause is not met.
    """
    if html is not None:
        may_write(html)
    session = Session(address.daemon(), as_json)
    wanted = clause.upper() if clause is not None else None
    document = session.read(documents.Compliance, "/v1/compliance", clause=wanted)
    chinese = compliance_screen.draws_chinese(os.environ, sys.stdout.encoding, terminal=sys.stdout.isatty())
    session.print(document, lambda: compliance_screen.screen(document, chinese=chinese))
    if html is not None:
        write_new(html, compliance_page.html_page(document).encode())
        click.echo(f"edgectl: written to {html}", err=True)
    return exit_codes.FAILED if any(one.status == "not-met" for one in document.compliance) else exit_codes.OK
