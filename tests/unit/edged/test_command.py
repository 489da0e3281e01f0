"""`edged-command` without a broker: keys, counters, arguments, what diagnostics leave out, who a key is to others."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Final

import click
import pytest
from pydantic import SecretStr

from edged import command
from edged.centre import handlers
from edged.command import COUNTER, KeyFileError, _json, _show, given, main
from edged.config.load import load
from edged.config.model import Config
from edged.config.problem import ConfigError
from edged.words import exit_codes
from edged.words.roles import Verb as RoleVerb
from mqtt.commands import COUNTER_MAX, Reply, Verb
from storage.approvals.service import NOBODY
from tests.support.commanding import Desk

AGAIN: Final = 'verbs = ["status"]\n[[commanders]]\nname = "b"\nkey = "KEY"\nverbs = ["pin"]'
CONFIG: Final = """
[site]
node = "test-node"
office = "test"
name = "測試"
[retention]
min = "31d"
max = "365d"
[mqtt]
host = "127.0.0.1"
[[cameras]]
id = "lobby"
url = "rtsp://10.0.0.11:554/stream1?token=abc"
username = "viewer"
"""


def loaded(folder: Path, more: str) -> Config:
    (folder / "edged.toml").write_text(CONFIG + more)
    return load(folder / "edged.toml", {})


def test_a_key_is_made_once_and_read_by_nobody_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "noc.key"
    assert main(["keygen", str(path)]) == exit_codes.OK
    made = capsys.readouterr().out
    assert stat.S_IMODE(path.stat().st_mode) == command.KEY_MODE
    assert main(["public", str(path)]) == exit_codes.OK
    assert capsys.readouterr().out == made
    assert main(["keygen", str(path)]) == exit_codes.FAILED
    config = loaded(tmp_path, f'[[commanders]]\nname = "noc"\n{made}verbs = ["status"]\n')
    assert [known.verbs for known in config.known_keys().values()] == [{Verb.STATUS}]


def test_counters_grow_and_never_fall_behind_the_clock(tmp_path: Path) -> None:
    path = tmp_path / "noc.key"
    command.make_key(path)
    assert [command.next_counter(path, now_ms) for now_ms in (1000, 1000, 500, 2000)] == [1000, 1001, 1002, 2000]
    (tmp_path / f"noc.key{COUNTER}").unlink()
    assert command.next_counter(path, 3000) == 3000
    for text in ("", "x", "-1", "9" * 40):
        (tmp_path / f"noc.key{COUNTER}").write_text(text)
        with pytest.raises(KeyFileError, match="holds no number"):
            command.next_counter(path, 4000)
    (tmp_path / f"noc.key{COUNTER}").write_text(str(COUNTER_MAX))
    with pytest.raises(KeyFileError, match="has come to its end"):
        command.next_counter(path, 4000)


def test_what_is_no_key_is_told(tmp_path: Path) -> None:
    (tmp_path / "no.key").write_text("secret")
    for path in (tmp_path / "no.key", tmp_path / "none.key"):
        with pytest.raises(KeyFileError):
            command.read_key(path)


def test_arguments_are_read_by_the_closed_models() -> None:
    assert given(Verb.CAMERA_RECONNECT, ["camera=lobby"]) == {"camera": "lobby"}
    assert given(Verb.CONSISTENCY_PROOF, ["first_size=1", "second_size=2"])["second_size"] == 2
    pin = "do=place cameras=lobby cameras=gate from=2026-05-01T08:00:00Z to=2026-05-01T09:00:00Z ground=law"
    found = given(Verb.PIN, [*pin.split(), "reference=刑事訴訟法 133", "case=1=2", "approver=主任"])
    assert (found["cameras"], found["from"], found["case"]) == (["lobby", "gate"], "2026-05-01T08:00:00Z", "1=2")
    for verb, wrong in (
        (Verb.STATUS, ["all=1"]),
        (Verb.CAMERA_RECONNECT, ["lobby"]),
        (Verb.CAMERA_RECONNECT, ["camera=a", "camera=b"]),
        (Verb.CONSISTENCY_PROOF, ["first_size=one", "second_size=2"]),
        (Verb.PIN, ["do=release", "pin=P-20260501-ABCD"]),
    ):
        with pytest.raises(click.UsageError):
            given(verb, wrong)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ('name = "noc"\nkey = "ed25519:AAAA"\nverbs = ["status"]', "key"),
        (f'name = "noc"\nkey = "ed25519:{"A" * 43}="\nverbs = ["status"]', "key"),
        ('name = "noc"\nkey = 7\nverbs = ["status"]', "key"),
        ('name = "noc"\nkey = "SPARE"\nverbs = ["status"]', "key"),
        ('name = "noc"\nkey = "KEY="\nverbs = ["status"]', "key"),
        ('name = "noc"\nkey = "KEY"\nverbs = ["delete"]', "verbs"),
        ('name = "noc"\nkey = "KEY"\nverbs = []', "verbs"),
        ('name = "Chen"\nkey = "KEY"\nverbs = ["status"]', "name"),
        ('name = "noc"\nkey = "KEY"\nverbs = ["status"]\nuntil = "never"', "until"),
        ('name = "noc"\nkey = "KEY"\nverbs = ["status"]\nuntil = "9999-12-31"', "until"),
        (
            'name = "noc"\nkey = "KEY"\nverbs = ["status"]\n[[commanders]]\nname = "b"\nkey = "KEY"\nverbs = ["pin"]',
            "key",
        ),
    ],
)
def test_what_is_wrong_with_a_table_is_told(tmp_path: Path, table: str, key: str) -> None:
    line = command.public_line(Desk().key)
    spare = f"{line[:-2]}{chr(ord(line[-2]) + 1)}="  # the same bytes: the last two bits of the last sign say nothing
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, "[[commanders]]\n" + table.replace("KEY", line).replace("SPARE", spare) + "\n")
    assert any(key in problem.key and problem.instead for problem in error.value.problems)


def test_a_key_is_good_until_the_end_of_its_last_day(tmp_path: Path) -> None:
    config = loaded(tmp_path, Desk().table() + 'until = "2027-01-31"\n')
    (known,) = config.known_keys().values()
    assert known.until_ms == 1_801_411_200_000  # 2027-02-01 00:00 in Taipei


def test_a_key_is_a_person_of_its_own() -> None:
    one, other = Desk().commander(), Desk().commander()
    numbers = {handlers.number(one), handlers.number(other)}
    assert len(numbers) == 2
    assert all(NOBODY < number < 2**53 for number in numbers)


async def test_a_key_may_ask_for_extensions_as_long_as_it_may_pin() -> None:
    async def may(uid: int, _: RoleVerb) -> bool:
        return uid == 1001

    desk = Desk()
    pins, none = desk.commander(Verb.PIN), desk.commander(Verb.STATUS)
    known = {pins.key_id: pins}
    ask = handlers.or_key(may, lambda: known)
    number = handlers.number(pins)
    assert await ask(1001, RoleVerb.PIN_EXTEND)
    assert await ask(number, RoleVerb.PIN_EXTEND)
    assert not await ask(number, RoleVerb.PIN_RELEASE)
    known[none.key_id] = none
    assert not await ask(number, RoleVerb.PIN_EXTEND)


def test_diagnostics_leave_out_what_is_secret_and_stay_small(tmp_path: Path) -> None:
    config = loaded(tmp_path, Desk().table())
    cameras = [camera.model_copy(update={"password": SecretStr("hunter2")}) for camera in config.cameras]
    config = config.model_copy(update={"cameras": cameras})
    lines = [f"{number} hunter2 at rtsp://viewer:pw@10.0.0.11/x " + "y" * 300 for number in range(400)]
    found = handlers.report(config, lines, {"versions": {}})
    text = str(found)
    assert "lobby" in text
    for word in ("hunter2", "viewer", "token", "stream1", ":pw@"):
        assert word not in text
    assert found["log"][-1].startswith("399 ***")
    assert handlers._size(found) <= handlers.BYTES_MAX


def test_a_forged_answer_does_nothing_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    words = "好\x1b]0;owned\x07\x9b2J\u202e\r\nok\U000e0001"
    content = {"state": "done", "reason": words, "text": words, "result": {words: [words]}}
    stamp = {"ts": 10**18, "epoch": 1, "seq": 0, "clock_synced": True}
    named = {"id": "0" * 16, "verb": "status", "requester": "a"}
    _show(Reply.model_validate_json(json.dumps(stamp | named | content)))
    shown = capsys.readouterr().out
    assert "好" in shown
    assert shown.replace("\n", "").isprintable()
    assert _json({"text": words}).isprintable()
    first, _, result = shown.partition("\n")
    assert first == "done (好?]0;owned??2J???ok?): 好?]0;owned??2J???ok?"
    assert json.loads(result) == content["result"]  # as JSON all of it is still there
    assert json.loads(_json({"text": words})) == {"text": words}


@pytest.mark.parametrize(
    ("verb", "arguments", "said"),
    [
        (Verb.ALARM_ACK, [], "key= is missing; occurrence= is missing. alarm-ack takes key= occurrence="),
        (Verb.STATUS, ["foo=bar"], 'there is no "foo"=. status takes no arguments'),
        (Verb.PIN, ["do=release"], "do= is place or extend. pin takes do= "),
        (
            Verb.PIN,
            ["do=extend", "pin=P-20260501-ABCD", "reason=court"],
            "until= is missing. pin takes do= pin= until=",
        ),
    ],
)
def test_wrong_arguments_are_told_in_words_of_the_command(verb: Verb, arguments: list[str], said: str) -> None:
    with pytest.raises(click.UsageError) as refused:
        given(verb, arguments)
    assert refused.value.message.startswith(said)
