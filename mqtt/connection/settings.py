"""Where the broker is and who we are to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mqtt.tls.keyring import Keyring

KEEPALIVE_S: Final = 30
"""A box that vanishes is offline at the centre after 45 s, and a broker that vanishes is noticed within 60 s."""


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """One broker."""

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    keepalive_s: int = KEEPALIVE_S
    tls: Keyring | None = field(default=None, repr=False)
    """None: everything goes over the network in plain text."""

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"
