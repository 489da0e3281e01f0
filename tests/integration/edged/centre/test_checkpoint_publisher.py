"""The ledger's head at the centre: what a real broker has kept is read back first, and held against what is here."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edged.centre.reports import understood
from edged.documents import ledger as documents
from mqtt import connection
from mqtt.client import BrokerSettings, Link, RetainedTopic
from mqtt.contract import messages
from mqtt.contract.messages import Publication
from storage.ledger import key
from storage.ledger.note import Verifier, parse
from tests.integration.mqtt.test_client import heard
from tests.support.brokers import DEADLINE_S, Broker, Centre, Heard, amqtt, mosquitto
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.linked import BOOT, EPOCH, NODE, Box, running, until
from tests.support.people import can_log_in
from tests.support.renewing import renew_by_two
from tests.support.waiting import wait_until

TOPIC = messages.ledger_checkpoint_topic(NODE)
SOON_OVER = "if __name__ == '__main__':\n    from edged.alarms import tracking\n    tracking.CLEAR_AFTER_S = 2.0\n"
"""An alarm that is over is told so after two seconds, and not after twenty."""
PATTERN = "test://?size=160x96&fps=10&gop=0.5"


class Anchored(Box):
    """A link with an anchor, and what it heard."""

    def __init__(self, port: int, *, release: bool = True) -> None:
        super().__init__(port)
        self.kept: list[bytes | None] = []
        self.passed_on: list[bytes] = []
        self._release = release
        will = messages.will(NODE, boot=BOOT, epoch=EPOCH, ts=1)
        self.link = Link(
            BrokerSettings("127.0.0.1", port),
            NODE,
            greeting=self.greeting,
            will=will,
            random=lambda: 0.05,
            now_ms=lambda: 1_700_000_000_000,
            retained_topic=RetainedTopic(TOPIC, self._heard, lambda message: self.passed_on.append(message.payload)),
        )

    def _heard(self, payload: bytes | None) -> None:
        self.kept.append(payload)
        if self._release:
            self.link.release()


def head(value: str) -> Publication:
    return Publication(TOPIC, value.encode(), 1, True)


def at(topic: str, payload: bytes) -> Callable[[Heard], bool]:
    return lambda said: said.topic == topic and said.payload == payload


def put(port: int, topic: str, payload: bytes) -> None:
    """Somebody has published this before, to be kept."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="somebody")
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.publish(topic, payload, 1, retain=True).wait_for_publish(DEADLINE_S)
    client.disconnect()
    client.loop_stop()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link of the tests' own waits half a second for what the broker has kept, and not two."""
    monkeypatch.setattr(connection, "KEPT_S", 0.5)


@pytest.fixture
def broker(tmp_path: Path) -> Any:
    folder = tmp_path / "broker"
    folder.mkdir()
    with mosquitto(folder) as started:
        yield started


async def test_what_the_broker_has_kept_is_read_before_it_is_replaced(broker: Broker) -> None:
    await asyncio.to_thread(put, broker.port, TOPIC, b"old")
    box = Anchored(broker.port)
    box.link.publish(head("new"))
    async with running(box):
        await until(lambda: box.link.view.connected and box.link.waiting == 0, "arrival")
        assert box.kept == [b"old"]
        with Centre(broker.port) as late:
            await heard(late, at(TOPIC, b"new"), "the new head")


async def test_nothing_kept_is_told_and_everything_else_does_not_wait_for_it(broker: Broker) -> None:
    box = Anchored(broker.port, release=False)
    box.link.publish(head("new"))
    with Centre(broker.port) as centre:
        async with running(box):
            await heard(centre, lambda said: said.topic == messages.birth_topic(NODE), "the birth")
            assert box.kept == [], "it is waited for behind the rest"
            await until(lambda: box.kept == [None], "nothing was kept")
            assert TOPIC not in [said.topic for said in centre.heard]
            box.link.release()
            await heard(centre, at(TOPIC, b"new"), "the head")


async def test_a_head_that_is_withheld_never_replaces_the_kept_one_not_even_at_the_farewell(broker: Broker) -> None:
    await asyncio.to_thread(put, broker.port, TOPIC, b"old")
    box = Anchored(broker.port, release=False)
    box.link.publish(head("new"))
    async with running(box):
        await until(lambda: box.kept == [b"old"], "what was kept")
        broker.stop()
        await until(lambda: not box.link.view.connected, "the loss")
        broker.start()
        await until(lambda: box.kept == [b"old", None], "a broker that lost its memory")
    with Centre(broker.port) as late:
        await heard(late, lambda said: said.topic == messages.status_topic(NODE), "the farewell")
        assert TOPIC not in [said.topic for said in late.heard]


async def test_who_has_got_it_is_told_and_keeping_it_for_nobody_does_not_count(broker: Broker) -> None:
    box = Anchored(broker.port)
    async with running(box):
        box.link.publish(head("1"))
        await until(lambda: box.link.view.connected and box.link.waiting == 0, "arrival")
        assert box.passed_on == [], "the broker has it, and nobody else"
        with Centre(broker.port) as centre:
            await heard(centre, at(TOPIC, b"1"), "what was kept")
            box.link.publish(head("2"))
            await heard(centre, at(TOPIC, b"2"), "the next one")
            await until(lambda: box.passed_on == [b"2"], "the centre has it")


async def test_a_broker_of_3_1_1_gives_back_what_it_kept_and_does_not_say_who_got_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER_TIMEOUT_S", 2.0)  # it says nothing to MQTT 5
    with amqtt(tmp_path) as old:
        await asyncio.to_thread(put, old.port, TOPIC, b"old")
        box = Anchored(old.port)
        with Centre(old.port, mqtt5=False) as centre:
            async with running(box):
                await until(lambda: box.kept == [b"old"], "what was kept")
                box.link.publish(head("2"))
                await heard(centre, at(TOPIC, b"2"), "the next one")
                await until(lambda: box.link.waiting == 0, "arrival")
                assert box.passed_on == []


async def test_a_broker_that_forbids_reading_it_back_gets_it_all_the_same(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text(f"topic write edged/v1/{NODE}/up/#\n")
    with mosquitto(tmp_path, f"acl_file {rules}") as strict:
        box = Anchored(strict.port)
        box.link.publish(head("1"))
        async with running(box):
            await until(lambda: box.kept == [None], "nothing may be read")
            await until(lambda: box.link.waiting == 0, "arrival")


async def test_what_is_too_large_to_be_ours_is_not_taken_in(broker: Broker) -> None:
    await asyncio.to_thread(put, broker.port, TOPIC, b"x" * (1 << 20))
    box = Anchored(broker.port)
    async with running(box):
        await until(lambda: box.kept == [None], "it was left where it is")


@pytest.mark.parametrize("payload", [None, b"", b"[]", b"7", b'{"note":7}', b"\xff", b'{"key":"k"}'])
def test_what_is_no_head_of_ours_is_none(payload: bytes | None) -> None:
    assert understood(payload) == ("", None)
    assert understood(b'{"note":"n","key":7,"more":1}') == ("n", None)


# --- the daemon -------------------------------------------------------------------------------------------------------


def root(name: str) -> str:
    return f"edged/v1/test-node/up/{name}"


def newest(centre: Centre) -> dict[str, Any] | None:
    """The last head that the centre has."""
    told = [said.payload for said in centre.heard if said.topic == root("ledger/checkpoint") and said.payload]
    return json.loads(told[-1]) if told else None


def generations(edged: Daemon) -> list[documents.Generation]:
    answer = edged.ctl("ledger", "--limit", "1")
    assert answer.code == 0, answer.stderr
    return documents.Ledger.model_validate(answer.document).generations


def alarms(edged: Daemon) -> set[str]:
    answer = edged.ctl("alarms").document
    return {alarm["key"] for alarm in (answer or {"alarms": []})["alarms"] if alarm["state"] == "raised"}


def test_the_centre_gets_heads_it_can_check_and_the_box_knows_how_far(tmp_path: Path, broker: Broker) -> None:
    """Signed with a key that systemd hands over."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    ring = key.Keyring("test-node", credentials / key.NAME)
    ring.create_key()
    setup = Setup([Watched("lobby", PATTERN)], mqtt_port=broker.port)
    edged = Daemon(tmp_path / "edged", setup, environment={"CREDENTIALS_DIRECTORY": str(credentials)})
    with Centre(broker.port) as centre, edged:
        edged.wait_for_states("recording", ["lobby"])
        wait_until(lambda: newest(centre), 20, "a head")
        told = newest(centre)
        assert told is not None
        verifier, note = Verifier.parse(told["key"]), parse(told["note"])
        assert note.signed_by(verifier)
        assert verifier.public == ring.public
        assert not (edged.state / key.NAME).exists()
        assert (note.checkpoint().origin, note.checkpoint().size) == (told["origin"], told["size"])
        assert note.checkpoint().root.hex() == told["root"]
        wait_until(lambda: generations(edged)[-1].seen == told["size"], 10, "it knows that the centre has it")
        assert edged.stop() == 0
        last = newest(centre)
        assert last is not None
        assert last["size"] > told["size"], "what happened up to the stop is told before the farewell"


@pytest.mark.skipif(not can_log_in(), reason="nobody may set a login uid here: needs root")
def test_an_older_state_that_is_put_back_is_found_and_the_proof_is_left_where_it_is(
    tmp_path: Path, broker: Broker
) -> None:
    """Root on the box puts back the state directory and the volume as they were; the centre has the head."""
    setup = Setup([Watched("lobby", PATTERN)], mqtt_port=broker.port, segment="2s")
    edged = Daemon(tmp_path / "edged", setup, sabotage=SOON_OVER)
    with Centre(broker.port) as centre, edged:
        edged.wait_for_states("recording", ["lobby"])
        wait_until(lambda: newest(centre), 20, "a head")
        assert edged.stop() == 0
        for place in (edged.state, edged.volume):
            shutil.copytree(place, tmp_path / "saved" / place.name)
        edged.start()
        edged.wait_for_states("recording", ["lobby"])
        edged.until(lambda: len(edged.listed("lobby")) > 1, 20, "it goes on")
        assert edged.stop() == 0
        kept = newest(centre)
        assert kept is not None
        for place in (edged.state, edged.volume):
            shutil.rmtree(place)
            shutil.copytree(tmp_path / "saved" / place.name, place)
        edged.start()
        edged.wait_for_states("recording", ["lobby"])
        edged.until(lambda: "ledger.contradicted" in alarms(edged), 30, "it is told")
        edged.until(lambda: len(edged.listed("lobby")) > 2, 20, "recording goes on")
        assert newest(centre) == kept, "the proof is not overwritten"
        done = renew_by_two(edged.config, "the disk was exchanged by the technician; letter 114-7")["done"]
        assert f"giving up what the centre holds of {kept['origin']}" in done["sentence"]
        begun = edged.ctl("ledger", "--limit", "1").document["generations"][-1]["origin"]

        def renewed() -> bool:
            told = newest(centre)
            return told is not None and told["origin"] == begun

        wait_until(renewed, 20, "the new generation is told")
        first = edged.ctl("ledger", "--kind", "generation", "--limit", "1").document["ledger"][0]
        assert first["body"]["contradicted"] == {name: kept[name] for name in ("origin", "size", "root")}
        edged.until(lambda: "ledger.contradicted" not in alarms(edged), 40, "it is over")
        assert edged.stop() == 0
