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
from edged.cli.formatting import (
    STYLES,
    clean,
    counted_findings,
    counted_segments,
    counted_volumes,
    kind_of,
    text,
)
from edged.cli.options import CAMERA, address_given, json_option
from edged.cli.output import ProgressLine, checked
from edged.documents import ledger as documents
from edged.documents.base import told_in, told_of
from edged.documents.ledger import Rebuild, RebuildAsked
from edged.site import check_documents
from edged.words import exit_codes
from edged.words.catalogue import Reader
from storage.words.message import format_size, in_lines, message


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
    output.answer(document, lambda: screen(document, Reader(output.language())), as_json=as_json)
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
        raise CallError(in_lines((why.error, error.what)), why.action, exit_codes.UNREACHABLE) from None
    except StoreError as error:
        code = exit_codes.USAGE if isinstance(error, UnknownId) else exit_codes.FAILED
        raise CallError(error.what, error.action, code) from None
    return check_documents.fsck(report, wanted, volumes, daemon=False)


def screen(document: documents.Fsck, read: Reader) -> RenderableType:
    """By promise; ends in one line."""
    parts: list[RenderableType] = []
    for one in document.findings:
        line = Text(f"{one.promise} {read(kind_of(one.kind))}", style=STYLES["critical"])
        line.append(f" {clean(read(told_in(one, 'where')))}", style="not bold default")
        what, action = read(told_in(one, "what")), read(told_in(one, "action"))
        parts += [line, Padding(text(what), (0, 0, 0, 2)), Padding(text(f"→ {action}"), (0, 0, 0, 2))]
    if document.unlisted:
        parts.append(Text(read.phrase("screen.more", "and {count} more", count=document.unlisted)))
    if document.whole_only:
        whole = read.phrase(
            "fsck.whole-only",
            "{segments} recorded before edged told of fragments: compared as whole files, and exported as such",
            segments=counted_segments(document.whole_only),
        )
        parts.append(text(whole, "yellow"))
    return Group(*parts, _verdict(document, read))


def _verdict(document: documents.Fsck, read: Reader) -> Text:
    if document.clean:
        line = Text(read.phrase("screen.clean", "clean"), style="green")
    else:
        line = Text(read(counted_findings(len(document.findings) + document.unlisted)), style="bold red")
    if document.level == "hash":
        looked = read.phrase(
            "fsck.read",
            ": {segments} segments, {files} names, {size} read, in {took_s}, level {level}",
            segments=document.segments,
            files=document.files,
            size=format_size(document.bytes),
            took_s=document.took_s,
            level=document.level,
        )
    else:
        looked = read.phrase(
            "fsck.looked",
            ": {segments} segments, {files} names, in {took_s}, level {level}",
            segments=document.segments,
            files=document.files,
            took_s=document.took_s,
            level=document.level,
        )
    down = "" if document.daemon else read.phrase("screen.daemon-down", "; the daemon is down")
    return line.append(looked + down, style="not bold default")


MOUNTS: Final = Path("/proc/self/mountinfo")
_OTHER_BOOT: Final = message(
    "rebuild.other-boot",
    "this container shows a boot id of its own, and edged.service the kernel's: to the catalog this would be another "
    "boot, and all footage hours older than it is",
)
_WITHIN_A_UNIT: Final = message(
    "rebuild.other-boot.action",
    "start edged, which makes the catalog anew by itself; or "
    "systemd-run --pipe --wait --property=ProtectKernelTunables=yes edgectl rebuild",
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
    output.answer(document, lambda: rebuilt(document, Reader(output.language())), as_json=as_json)
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
        stop = message("rebuild.stop-first.action", "stop it first: systemctl stop edged")
        what = in_lines((why.error, error.what)) if why else error.what
        action = why.action if why else stop
        raise CallError(what, action, exit_codes.UNREACHABLE if why else exit_codes.TRY_LATER) from None
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


def rebuilt(document: Rebuild, read: Reader) -> RenderableType:
    """What came back, and what did not."""
    told = Text(read(check_documents.rebuild_in_words(document)))
    if document.missing:
        hint = read.phrase("rebuild.missing", "missing files are named by: edgectl fsck")
        told.append(f"\n{hint}", style="yellow")
    for why in told_of(document.left, document.left_told):
        left = read.phrase("rebuild.left", "left: {what}", what=why)
        told.append(f"\n{clean(left)}", style="yellow")
    if document.aside:
        aside = read.phrase("rebuild.aside", "The earlier database lies in {file}", file=clean(document.aside))
        told.append(f"\n{aside}")
    if document.complete:
        verdict = read.phrase("rebuild.complete", "complete")
    else:
        verdict = read.phrase("rebuild.not-complete", "not complete")
    told.append(f"\n{verdict}", style="green" if document.complete else "bold red")
    looked = read.phrase(
        "rebuild.looked",
        ": {volumes}, in {took_s}",
        volumes=counted_volumes(len(document.volumes)),
        took_s=document.took_s,
    )
    return told.append(looked, style="not bold default")
