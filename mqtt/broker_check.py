"""One connection to the broker, as this box but under another client id: does it let us in, and by which version.

Sends nothing, subscribes to nothing and leaves nothing behind. A broker may call its clients by their account or
certificate whatever they say (docs/mosquitto does): then the check is the box itself, ends the connection of a daemon
that has one, and is given what the broker has kept for the box. So nobody is to check while a daemon runs; and what was
kept is not acknowledged, so that the daemon gets it when it comes.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from mqtt.connection import BrokerSettings, Connection, ConnectionEnded, Connector, Outcome, Protocol
from mqtt.contract.messages import Publication
from storage.words.message import NOTHING, Message


@dataclass(frozen=True, slots=True)
class BrokerAnswer:
    """`said` and `check` tell why it did not let us in; "" where it did."""

    address: str
    protocol: str
    said: Message = NOTHING
    check: Message = NOTHING


class _CheckConnection(Connection):
    """Takes up a session that is there, and leaves it as it was; one that was made for it ends with it."""

    _taken_up = False

    def _make_client(self, node: str, will: Publication | None) -> paho.Client:
        client = super()._make_client(node, will)
        client.manual_ack_set(True)
        return client

    def _on_connect(
        self, client: paho.Client, user: Any, flags: paho.ConnectFlags, code: ReasonCode, granted: Properties | None
    ) -> None:
        self._taken_up = flags.session_present
        super()._on_connect(client, user, flags, code, granted)

    async def leave(self) -> None:
        forget: Properties | None = None
        if self._protocol is Protocol.V5 and not self._taken_up:
            forget = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]  # paho's gap
            forget.SessionExpiryInterval = 0
        await self.disconnect(forget)


async def check_broker(settings: BrokerSettings, node: str) -> BrokerAnswer:
    """With MQTT 5, and with 3.1.1 where that may be all it knows."""
    refused: ConnectionEnded | None = None
    for protocol in Protocol:
        name = f"{node}-doctor-{secrets.token_hex(3)}"
        guest = _CheckConnection(settings, name, protocol, None, Connector(), lasting=protocol is Protocol.V5)
        try:
            await guest.open()
            await guest.leave()
        except ConnectionEnded as ended:
            if refused is None or refused.outcome is Outcome.CLOSED_UNANSWERED:  # what TLS objects to may be lost once
                refused = ended
            if ended.outcome not in (Outcome.WRONG_VERSION, Outcome.CLOSED_UNANSWERED, Outcome.SILENT):
                break
        else:
            return BrokerAnswer(settings.address, protocol.value)
        finally:
            guest.close()
    if refused is None:
        return BrokerAnswer(settings.address, "")
    return BrokerAnswer(settings.address, "", refused.reason.said, refused.reason.check)
