"""`edgectl alarms` (異常通報): what is wrong or was; saying that one has seen it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import click
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from edged.cli.client import Address
from edged.cli.formatting import clean, local, styled, text
from edged.cli.options import address_given, json_option
from edged.cli.output import Session, checked
from edged.documents import site as documents
from edged.documents.tickets import Held
from storage.words.model import Severity


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
@address_given
def alarms(address: Address, context: click.Context, *, as_json: bool) -> None:
    """What is wrong or was, since when, and what to do."""
    if context.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError(f"write it as: edgectl alarms {context.invoked_subcommand} --json")
        return
    session = Session(address.daemon(), as_json)
    document = session.read(documents.Alarms, "/v1/alarms")
    session.print(document, lambda: screen(document, session.zone))


@alarms.command()
@click.argument("key")
@json_option
@address_given
def ack(address: Address, key: str, *, as_json: bool) -> None:
    """Say that you have seen alarm KEY and see to it. It stands until what it tells of is over."""
    if not 0 < len(key) <= documents.ALARM_KEY_MAX:
        raise click.UsageError("KEY is the name of an alarm as `edgectl alarms` shows it, e.g. camera.down:lobby")
    wanted = documents.AlarmAckAsked(key=key)
    session = Session(address.daemon(), as_json)
    document = checked(documents.AlarmAck, session.daemon.post("/v1/alarms/ack", wanted.model_dump_json().encode()))
    session.print(document, lambda: acknowledged(document, session.zone))


def screen(document: documents.Alarms, zone: ZoneInfo) -> RenderableType:
    """A block for each alarm: what, since when, what to do. The worst first, what is over last."""
    if not document.alarms and not document.held:
        return Text("No alarms.")
    shown = [_alarm(alarm, zone) for alarm in sorted(document.alarms, key=_urgency)]
    return Group(*shown, *map(_held, document.held))


def _held(one: Held) -> RenderableType:
    """What maintenance holds back."""
    heading = Text("held back", style="dim").append(f" {clean(one.key)}", style="bold default not dim")
    return Group(heading, Padding(text(one.text), (0, 0, 0, 2)))


def _urgency(alarm: documents.Alarm) -> tuple[bool, int]:
    """Of equals the order stays."""
    return alarm.state != "raised", -Severity(alarm.severity).gravity if alarm.state == "raised" else 0


def acknowledged(document: documents.AlarmAck, zone: ZoneInfo) -> RenderableType:
    """What was, or had been."""
    said = "was acknowledged before; nothing changed" if document.again else "is acknowledged"
    return Group(text(f"Alarm {document.alarm.key} {said}."), _alarm(document.alarm, zone))


def _alarm(alarm: documents.Alarm, zone: ZoneInfo) -> RenderableType:
    heading = styled(alarm.severity if alarm.state == "raised" else "cleared")
    heading.append(f" {clean(alarm.key)}", style="bold default")
    heading.append(f"  since {local(alarm.since, zone)}", style="not bold dim")
    heading.append(f", cleared {local(alarm.cleared, zone)}" if alarm.cleared else "", style="not bold dim")
    heading.append(f", {alarm.count} times" if alarm.count > 1 else "", style="not bold dim")
    heading.append(", acknowledged" if alarm.acknowledged else "", style="not bold green")
    parts: list[RenderableType] = [heading, Padding(text(alarm.text), (0, 0, 0, 2))]
    if alarm.action and alarm.state == "raised":
        parts.append(Padding(text(f"→ {alarm.action}"), (0, 0, 0, 2)))
    return Group(*parts)
