"""`edgectl alarms` (異常通報): what is wrong or was; saying that one has seen it."""

from __future__ import annotations

import click
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from edged.cli.client import Address
from edged.cli.formatting import clean, local, styled, text
from edged.cli.options import address_given, json_option
from edged.cli.output import Session, checked
from edged.documents import site as documents
from edged.documents.base import told_in
from edged.documents.tickets import Held
from edged.words.catalogue import Reader
from storage.words.message import message
from storage.words.model import Severity


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
@address_given
def alarms(address: Address, context: click.Context, *, as_json: bool) -> None:
    """What is wrong or was, since when, and what to do."""
    if context.invoked_subcommand is not None:
        if as_json:
            verb = context.invoked_subcommand
            raise click.UsageError(message("alarm.json-behind", "write it as: edgectl alarms {verb} --json", verb=verb))
        return
    session = Session(address.daemon(), as_json)
    document = session.read(documents.Alarms, "/v1/alarms")
    session.print(document, lambda: screen(document, session.reader))


@alarms.command()
@click.argument("key")
@json_option
@address_given
def ack(address: Address, key: str, *, as_json: bool) -> None:
    """Say that you have seen alarm KEY and see to it. It stands until what it tells of is over."""
    if not 0 < len(key) <= documents.ALARM_KEY_MAX:
        raise click.UsageError(
            message("alarm.no-key", "KEY is the name of an alarm as `edgectl alarms` shows it, e.g. camera.down:lobby")
        )
    wanted = documents.AlarmAckAsked(key=key)
    session = Session(address.daemon(), as_json)
    document = checked(documents.AlarmAck, session.daemon.post("/v1/alarms/ack", wanted.model_dump_json().encode()))
    session.print(document, lambda: acknowledged(document, session.reader))


def screen(document: documents.Alarms, read: Reader) -> RenderableType:
    """A block for each alarm: what, since when, what to do. The worst first, what is over last."""
    if not document.alarms and not document.held:
        return Text(read.phrase("alarm.none", "No alarms."))
    shown = [_alarm(alarm, read) for alarm in sorted(document.alarms, key=_urgency)]
    return Group(*shown, *(_held(one, read) for one in document.held))


def _held(one: Held, read: Reader) -> RenderableType:
    """What maintenance holds back."""
    heading = Text(read.phrase("alarm.held-back", "held back"), style="dim")
    heading.append(f" {clean(one.key)}", style="bold default not dim")
    return Group(heading, Padding(text(read(told_in(one))), (0, 0, 0, 2)))


def _urgency(alarm: documents.Alarm) -> tuple[bool, int]:
    """Of equals the order stays."""
    return alarm.state != "raised", -Severity(alarm.severity).gravity if alarm.state == "raised" else 0


def acknowledged(document: documents.AlarmAck, read: Reader) -> RenderableType:
    """What was, or had been."""
    key = document.alarm.key
    said = (
        read.phrase("alarm.known", "Alarm {key} was acknowledged before; nothing changed.", key=key)
        if document.again
        else read.phrase("alarm.acknowledged", "Alarm {key} is acknowledged.", key=key)
    )
    return Group(text(said), _alarm(document.alarm, read))


def _alarm(alarm: documents.Alarm, read: Reader) -> RenderableType:
    heading = (
        styled(alarm.severity, read)
        if alarm.state == "raised"
        else Text(read.phrase("alarm.state.cleared", "cleared"), style="dim")
    )
    heading.append(f" {clean(alarm.key)}", style="bold default")
    facts = [read.phrase("alarm.since", "since {moment}", moment=local(alarm.since, read))]
    if alarm.cleared:
        facts.append(read.phrase("alarm.cleared", ", cleared {moment}", moment=local(alarm.cleared, read)))
    if alarm.count > 1:
        facts.append(read.phrase("alarm.times", ", {count} times", count=alarm.count))
    heading.append(f"  {''.join(facts)}", style="not bold dim")
    if alarm.acknowledged:
        heading.append(read.phrase("alarm.seen", ", acknowledged"), style="not bold green")
    parts: list[RenderableType] = [heading, Padding(text(read(told_in(alarm))), (0, 0, 0, 2))]
    if alarm.action and alarm.state == "raised":
        parts.append(Padding(text(f"→ {read(told_in(alarm, 'action'))}"), (0, 0, 0, 2)))
    return Group(*parts)
