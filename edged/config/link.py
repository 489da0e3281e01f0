"""[mqtt] and TLS: what belongs together in the table, and what the files hold that it names.

The files are no part of the configuration as such: certificates run out, and a box must record whatever has become of
them. So `config check` and a reload refuse mistakes in them, and a start only tells them (`mqtt.tls.Keyring`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from edged.config import secrets
from edged.config.model import MQTT_PORT, MQTTS_PORT, BrokerConfig, Config
from edged.config.problem import Location
from mqtt import tls
from mqtt.tls import KEYS, WARN_MS, CertificateFault, Weight, day

Tell = Callable[[Location, str, str], None]
"""Takes a location, what is wrong there and what to write or do instead."""
MAKING: Final = "docs/mosquitto/README.md shows how they are made"


def belongs_together(tell: Tell, table: Mapping[str, Any]) -> None:
    """TLS begins with ca_file: whoever is not checked could be anybody."""
    if "ca_file" not in table and (alone := next((key for key in KEYS if key in table), None)):
        tell(
            ("mqtt", alone),
            "stands there without ca_file, by which the broker is known to be the right one",
            f'ca_file = "mqtt/ca.crt", the certificate of the authority that signed the broker\'s; {MAKING}',
        )
    pair = ("certificate", "key_file")
    for given, other in (pair, pair[::-1]):
        if given in table and other not in table:
            tell(
                ("mqtt", given),
                f"stands there without {other}: one is of no use without the other",
                f"both or neither; {MAKING}",
            )


def completed(broker: BrokerConfig, directory: Path, environ: Mapping[str, str]) -> BrokerConfig:
    """With absolute names; what systemd has handed over as a credential comes first."""
    found = {key: _place(name, directory, environ) for key in KEYS if (name := getattr(broker, key))}
    return broker.model_copy(update=found)


def _place(name: str, directory: Path, environ: Mapping[str, str]) -> str:
    return str(secrets.credential(name, environ) or directory / name)


def faults(config: Config, now_ms: int) -> tuple[CertificateFault, ...]:
    """What is wrong with the files, dates by this clock included. Blocking."""
    broker = config.mqtt
    files = None if broker is None else broker.files()
    if broker is None or files is None:
        return ()
    return tls.inspect(files, config.site.node, broker.username or "", now_ms)


def warn_of_ends(tell: Tell, config: Config, now_ms: int) -> None:
    """What is good today and soon is not: certificates of the link, and keys of the centre that ended. Blocking."""
    files = None if config.mqtt is None else config.mqtt.files()
    for key, life in ({} if files is None else tls.lives(files)).items():
        if now_ms <= life.ends_ms <= now_ms + WARN_MS:
            problem = f"the certificate in {life.source} ends on {day(life.ends_ms)}, and with it the link"
            tell(("mqtt", key), problem, f"put a new one in its place before that; {MAKING}")
    for index, commander in enumerate(config.commanders):
        until_ms = commander.known(config.site.zone).until_ms
        if until_ms is not None and until_ms <= now_ms:
            problem = f"was over on {commander.until}: no command by this key is taken any more"
            tell(("commanders", index, "until"), problem, "a later day if the centre still uses it, or no such table")


def mistakes(found: tuple[CertificateFault, ...]) -> list[CertificateFault]:
    """Without what is a matter of time."""
    return [fault for fault in found if fault.weight is not Weight.TIME]


def warn(tell: Tell, broker: BrokerConfig) -> None:
    """What works, and is probably not meant."""
    if not broker.ca_file:
        if not _is_loopback(broker.host):
            tell(
                ("mqtt", "host"),
                "what is sent there, a password too, crosses the network in plain text; whoever answers is believed",
                f"ca_file, certificate and key_file under [mqtt]; {MAKING}",
            )
        if broker.port == MQTTS_PORT:
            tell(("mqtt", "port"), f"{MQTTS_PORT} is the port for TLS, which begins with ca_file", "ca_file, or 1883")
    else:
        if broker.port == MQTT_PORT:
            tell(("mqtt", "port"), f"{MQTT_PORT} is the port without TLS, and there is a ca_file", "port = 8883")
        if not broker.certificate and not broker.username:
            tell(
                ("mqtt", "ca_file"),
                "this box has neither a certificate nor a user: the broker cannot tell it from anybody else",
                f"certificate and key_file; {MAKING}",
            )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.lower().rstrip(".") in ("localhost", "localhost.localdomain", "ip6-localhost")
