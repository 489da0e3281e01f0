"""`edgectl fsck` and `edgectl rebuild`: files and catalog held against each other; the catalog made anew.

Each asks the daemon, or works itself where there is none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from edged.cli import output
from edged.cli.client import Address, CallError
from edged.cli.formatting import STYLES, clean, span, text
from edged.cli.options import CAMERA, address_given, json_option
from edged.cli.output import ProgressLine, checked
from edged.documents import ledger as documents
from edged.documents.ledger import Rebuild, RebuildAsked
from edged.site import check_documents
from edged.words import exit_codes, units


@click.command(short_help="Check every promise that can be checked by looking.")
@click.option(
    "--level",
    type=click.Choice(["presence", "size", "hash"]),
    default="size",
    show_default=True,
    help="How closely each file is looked at.",
)
@click.option("--camera", metavar="ID", type=CAMERA, help="Only this camera's footage.")
@click.option("--volume", metavar="ID", help="Only this volume: its id, or its path.")
@json_option
@address_given
def fsck(address: Address, *, level: documents.Level, camera: str | None, volume: str | None, as_json: bool) -> int:
    """Check every promise that can be checked by looking; ends with 1 if one is broken."""
    place = str(Path(volume).absolute()) if volume and "/" in volume else volume
    wanted = documents.FsckAsked(level=level, camera=camera, volume=place)
    with ProgressLine() as line:
        try:
            body = address.daemon().follow("/v1/fsck", wanted.model_dump_json().encode(), line.checking)
            document = checked(documents.Fsck, body)
        except CallError as error:
            if error.exit_code != exit_codes.UNREACHABLE:
                raise
            document = fsck_offline(address, wanted, error, line.checking)
    output.answer(document, lambda: screen(document), as_json=as_json)
    return exit_codes.OK if document.clean else exit_codes.FAILED


def fsck_offline(
    address: Address, wanted: documents.FsckAsked, why: CallError, show: Callable[[dict[str, Any]], None]
) -> documents.Fsck:
    """The daemon is down: its files, as its own account; where the configuration is wrong, what was last in force."""
    from edged.cli.offline import state_of
    from storage.integrity.fsck import Fsck
    from storage.store import offline
    from storage.words.clock import SystemClock
    from storage.words.errors import StateLocked, StoreError, UnknownId

    state, config = state_of(address, why)
    policy = None if config is None else config.policy()
    try:
        with offline.opened(state, SystemClock(), policy) as site:
            report = Fsck(site, check_documents.fsck_scope(wanted), progress=lambda told: show(dict(told))).run()
            volumes = {volume: disk.path for volume, disk in site.disks.items()}
    except StateLocked as error:  # it runs, and its socket does not answer
        raise CallError(f"{why.error}\n{error.what}", why.action, exit_codes.UNREACHABLE) from None
    except StoreError as error:
        code = exit_codes.USAGE if isinstance(error, UnknownId) else exit_codes.FAILED
        raise CallError(error.what, error.action, code) from None
    return check_documents.fsck(report, wanted, volumes, daemon=False)


def screen(document: documents.Fsck) -> RenderableType:
    """By promise; ends in one line."""
    parts: list[RenderableType] = []
    for one in document.findings:
        line = Text(f"{one.promise} {one.kind}", style=STYLES["critical"])
        line.append(f" {clean(one.where)}", style="not bold default")
        parts += [line, Padding(text(one.what), (0, 0, 0, 2)), Padding(text(f"→ {one.action}"), (0, 0, 0, 2))]
    if document.unlisted:
        parts.append(Text(f"and {document.unlisted} more"))
    if document.whole_only:
        what = f"{units.counted(document.whole_only, 'segment')} recorded before edged told of fragments"
        parts.append(text(f"{what}: compared as whole files, and exported as such", "yellow"))
    looked = f"{document.segments} segments, {document.files} names"
    read = f", {units.format_size(document.bytes)} read" if document.level == "hash" else ""
    broken = len(document.findings) + document.unlisted
    verdict = "clean" if document.clean else f"{broken} finding{'s' if broken > 1 else ''}"
    last = Text(verdict, style="green" if document.clean else "bold red")
    last.append(f": {looked}{read}, in {span(document.took_s)}, level {document.level}", style="not bold default")
    if not document.daemon:
        last.append("; the daemon is down", style="not bold default")
    return Group(*parts, last)


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
    output.answer(document, lambda: rebuilt(document), as_json=as_json)
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
    from storage.store.offline import rebuild_alone
    from storage.words.clock import SystemClock

    begun_s = time.monotonic()
    report, aside = rebuild_alone(state, node, volumes, SystemClock(), show, fresh=fresh)
    return check_documents.rebuild(report, aside, time.monotonic() - begun_s, daemon=False)


def rebuilt(document: Rebuild) -> RenderableType:
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
