"""`edgectl rebuild`: the catalog from the volumes; asks the daemon, or does it alone where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import click
from rich.console import RenderableType
from rich.text import Text

from edged.cli import output
from edged.cli.client import Address, CallError
from edged.cli.formatting import clean, span
from edged.cli.options import address_given, json_option
from edged.cli.progress import ProgressLine
from edged.cli.session import checked
from edged.documents.checks import Rebuild, RebuildAsked
from edged.site import check_documents
from edged.words import exit_codes, units

MOUNTS: Final = Path("/proc/self/mountinfo")
_OTHER_BOOT: Final = (
    "this container shows a boot id of its own, and edged.service the kernel's: to the catalog this would be another "
    "boot, and all footage hours older than it is"
)
_WITHIN_A_UNIT: Final = (
    "start edged, which makes the catalog anew by itself; or "
    "systemd-run --pipe --wait --property=ProtectKernelTunables=yes edgectl rebuild"
)


@click.command(short_help="Make the catalog anew from what lies on the volumes.")
@click.option("--fresh", is_flag=True, help="Set the present database aside first. Only while edged is stopped.")
@json_option
@address_given
def rebuild(address: Address, *, fresh: bool, as_json: bool) -> int:
    """Make the catalog anew from what lies on the volumes; recording goes on, no footage changes."""
    with ProgressLine() as line:
        try:
            if fresh:
                document = rebuild_offline(address, None, line.rebuilding, fresh=True)
            else:
                asked = RebuildAsked().model_dump_json().encode()
                document = checked(Rebuild, address.daemon().follow("/v1/rebuild", asked, line.rebuilding))
        except CallError as error:
            if fresh or error.exit_code != exit_codes.UNREACHABLE:
                raise
            document = rebuild_offline(address, error, line.rebuilding, fresh=False)
    output.answer(document, lambda: screen(document), as_json=as_json)
    return exit_codes.OK if document.complete else exit_codes.FAILED


def rebuild_offline(
    address: Address, why: CallError | None, show: Callable[[Mapping[str, Any]], None], *, fresh: bool
) -> Rebuild:
    """The daemon is down: its files, as its own account, under its lock."""
    from edged.cli.offline import become_owner, configured
    from storage.words.clock import has_own_boot_id
    from storage.words.errors import NodeChanged, StateLocked, StoreError

    config = configured(address, why)
    if has_own_boot_id(MOUNTS.read_text("utf-8")):
        raise CallError(_OTHER_BOOT, _WITHIN_A_UNIT, exit_codes.FAILED)
    become_owner(config.paths.state)
    try:
        return _rebuild(config.paths.state, config.site.node, config.volume_specs(), show, fresh=fresh)
    except StateLocked as error:
        said = f"{why.error}\n{error.what}" if why else error.what
        action = why.action if why else "stop it first: systemctl stop edged"
        raise CallError(said, action, exit_codes.UNREACHABLE if why else exit_codes.TRY_LATER) from None
    except NodeChanged as error:
        raise CallError(error.what, error.action, exit_codes.CONFIG) from None
    except StoreError as error:
        raise CallError(error.what, error.action, exit_codes.FAILED) from None


def _rebuild(
    state: Path, node: str, volumes: Any, show: Callable[[Mapping[str, Any]], None], *, fresh: bool
) -> Rebuild:
    from storage.store.offline_rebuild import made_anew
    from storage.words.clock import SystemClock

    begun_s = time.monotonic()
    report, aside = made_anew(state, node, volumes, SystemClock(), show, fresh=fresh)
    return check_documents.rebuild(report, aside, time.monotonic() - begun_s, daemon=False)


def screen(document: Rebuild) -> RenderableType:
    """What came back, and what did not."""
    said = Text(check_documents.rebuild_in_words(document))
    if document.missing:
        said.append("\nmissing files are named by: edgectl fsck", style="yellow")
    for why in document.left:
        said.append(f"\nleft: {clean(why)}", style="yellow")
    if document.aside:
        said.append(f"\nThe earlier database lies in {clean(document.aside)}")
    verdict = "complete" if document.complete else "not complete"
    said.append(f"\n{verdict}", style="green" if document.complete else "bold red")
    volumes = units.counted(len(document.volumes), "volume")
    said.append(f": {volumes}, in {span(document.took_s)}", style="not bold default")
    return said
