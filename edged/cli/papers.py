"""`edgectl request print`: a paper of a request, as a page for a browser to print."""

from __future__ import annotations

import hashlib
import secrets
import sys
from pathlib import Path
from typing import Final
from urllib.parse import quote

import click
from rich.text import Text

from edged.cli.client import Address, say
from edged.cli.formatting import clean
from edged.cli.options import AS_GIVEN, address_given, json_option, known, number_argument
from edged.cli.output import PRIVATE, answer, may_write, write_new
from edged.documents import office as documents
from edged.documents.base import Told
from edged.words import exit_codes
from storage.words.message import message

PAPERS: Final = ("form", "slip", "notice", "reply", "receipt", "label", "case-file")
STDOUT: Final = Path("-")
IN_ITS_PLACE: Final = message("office.paper.exists.action", "print it in its place with --force, or name another file")


@click.command("print", short_help="Print a paper of a request: a page to print from a browser.")
@number_argument
@click.option("--paper", type=click.Choice(PAPERS), default="form", show_default=True, help="Which paper.")
@click.option("--copy", metavar="ID", help="Of which copy, for receipt and label.  [the only one]")
@click.option("--text", "as_text", is_flag=True, help="The reply as plain text, to paste into the document system.")
@click.option(
    "--out", metavar="FILE", type=AS_GIVEN, help="Write it there; - for standard output.  [NUMBER-PAPER.html]"
)
@click.option("--force", is_flag=True, help="In place of a FILE that is there.")
@json_option
@address_given
def print_paper(
    address: Address,
    number: str,
    *,
    paper: str,
    copy: str | None,
    as_text: bool,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> int:
    """A paper of request NUMBER as it stands, as one HTML file: open it in a browser and print it on A4."""
    request = known(number)
    if out == STDOUT and as_json:
        raise click.UsageError(message("office.paper.two-outputs", "either the page or --json goes to standard output"))
    if as_text and paper != "reply":
        raise click.UsageError(message("office.paper.only-reply", "only a reply is plain text: --paper reply --text"))
    file = (out or Path(f"{request}-{paper}.{'txt' if as_text else 'html'}")).absolute()
    replaces = force and file.is_file()
    if out != STDOUT and not replaces:
        may_write(file, IN_ITS_PLACE)
    path = f"/v1/requests/{quote(request, safe='')}/papers/{paper}"
    remark, page = address.daemon().paper(path, copy=copy, format="text" if as_text else None)
    if remark is not None:
        say(remark)
    if out == STDOUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(page)
        return exit_codes.OK
    if replaces:
        _replace(file, page)
    else:
        write_new(file, page, mode=PRIVATE)
    document = documents.RequestPrint(
        number=request,
        paper=paper,
        path=str(file),
        bytes=len(page),
        sha256=hashlib.sha256(page).hexdigest(),
        remark=None if remark is None else Told(**remark.told),
    )
    answer(document, lambda: Text(clean(document.path), no_wrap=True, overflow="ignore"), as_json=as_json)
    return exit_codes.OK


def _replace(file: Path, page: bytes) -> None:
    """Whole or not at all, whatever is there."""
    beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    write_new(beside, page, mode=PRIVATE)
    try:
        beside.replace(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
