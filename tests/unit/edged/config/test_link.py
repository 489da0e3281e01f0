"""[mqtt] and TLS in the configuration: what belongs together, what is checked when, what stops nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edged import command
from edged.config import rules as config_rules
from edged.config.load import check, load
from edged.config.model import Config
from edged.config.problem import ConfigMistake
from mqtt.tls import Weight
from tests.support.authority import DAY, Authority, write
from tests.unit.edged.config.test_warnings import SMALL, disk_of

CA = Authority()
BOX = CA.sign("n")
TLS = "ca_file = 'ca.crt'\ncertificate = 'box.crt'\nkey_file = 'box.key'\n"


@pytest.fixture(autouse=True)
def _room(monkeypatch: pytest.MonkeyPatch) -> None:
    disk_of(4_000_000_000_000, monkeypatch)


def file(folder: Path, mqtt: str, host: str = "broker.example") -> Path:
    path = folder / "edged.toml"
    camera = "[[cameras]]\nid = 'a'\nurl = 'test://'\n"
    path.write_text(f"{SMALL}[[volumes]]\npath = '{folder}/v'\n{camera}[mqtt]\nhost = '{host}'\n{mqtt}", "utf-8")
    return path


def checked(folder: Path, mqtt: str, host: str = "broker.example") -> tuple[list[ConfigMistake], list[ConfigMistake]]:
    return check(file(folder, mqtt, host), {})


def loaded(folder: Path, mqtt: str, environ: dict[str, str] | None = None) -> Config:
    return load(file(folder, mqtt), environ or {})


def test_all_in_order(tmp_path: Path) -> None:
    write(tmp_path, CA, BOX)
    assert checked(tmp_path, TLS) == ([], [])
    broker = loaded(tmp_path, TLS).mqtt
    assert broker is not None
    assert broker.port == 8883
    files = broker.files()
    assert files is not None
    assert (files.ca_file, files.certificate, files.key_file) == tuple(
        str(tmp_path / name) for name in ("ca.crt", "box.crt", "box.key")
    )


def test_the_port_is_that_of_tls_where_nothing_else_is_written(tmp_path: Path) -> None:
    for lines, port in (("", 1883), (TLS, 8883), ("port = 4711\n", 4711), (f"port = 4711\n{TLS}", 4711)):
        broker = loaded(tmp_path, lines).mqtt
        assert broker is not None
        assert broker.port == port
        assert (broker.files() is None) == ("ca_file" not in lines)


@pytest.mark.parametrize(
    ("lines", "keys", "words"),
    [
        ("certificate = 'box.crt'\nkey_file = 'box.key'\n", ["mqtt.certificate"], "without ca_file"),
        ("ca_file = 'ca.crt'\ncertificate = 'box.crt'\n", ["mqtt.certificate"], "without key_file"),
        ("ca_file = 'ca.crt'\nkey_file = 'box.key'\n", ["mqtt.key_file"], "without certificate"),
        ("key_file = 'box.key'\n", ["mqtt.key_file", "mqtt.key_file"], "without ca_file"),
        ("ca_file = ''\n", ["mqtt.ca_file"], ""),
        ("ca_file = 7\n", ["mqtt.ca_file"], "text in quotes"),
        ("insecure = true\n", ["mqtt.insecure"], "is not a key"),
        ("tls = false\n", ["mqtt.tls"], "is not a key"),
    ],
)
def test_what_does_not_belong_together(tmp_path: Path, lines: str, keys: list[str], words: str) -> None:
    write(tmp_path, CA, BOX)
    problems, _ = checked(tmp_path, lines)
    assert [problem.key for problem in problems] == keys
    assert words in str(problems[0])


def test_files_are_checked_when_asked_and_stop_no_start(tmp_path: Path) -> None:
    problems, _ = checked(tmp_path, TLS)
    assert [problem.key for problem in problems] == ["mqtt.ca_file", "mqtt.certificate", "mqtt.key_file"]
    assert f"there is no file {tmp_path}/box.key" in str(problems[2])
    assert loaded(tmp_path, TLS).mqtt is not None
    write(tmp_path, CA, CA.sign("somebody", ends=-DAY / 2))
    problems, _ = checked(tmp_path, TLS)
    assert ["made out to 'somebody', not to 'n'" in problems[0].problem, "ended on" in problems[1].problem] == [
        True
    ] * 2
    found = config_rules.certificate_faults(loaded(tmp_path, TLS), 1_800_000_000_000)
    assert Weight.TIME in {fault.weight for fault in found}
    assert [fault.weight for fault in config_rules.mistakes(found)] == [Weight.WRONG]
    user = "username = 'edged'\n"
    assert config_rules.mistakes(config_rules.certificate_faults(loaded(tmp_path, TLS + user), 1_800_000_000_000)) == []


def test_a_key_may_be_a_credential_of_systemd(tmp_path: Path) -> None:
    write(tmp_path, CA, BOX)
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (tmp_path / "box.key").rename(credentials / "box.key")
    config = loaded(tmp_path, TLS, {"CREDENTIALS_DIRECTORY": str(credentials)})
    assert config.mqtt is not None
    assert config.mqtt.key_file == str(credentials / "box.key")
    assert config_rules.certificate_faults(config, 1_800_000_000_000) == ()


@pytest.mark.parametrize(
    ("host", "lines", "words"),
    [
        ("broker.example", "", "in plain text"),
        ("10.0.0.5", "", "in plain text"),
        ("127.0.0.1.example.com", "", "in plain text"),
        ("127.0.0.1", "port = 8883\n", "8883 is the port for TLS"),
        ("broker.example", f"port = 1883\n{TLS}", "1883 is the port without TLS"),
        ("broker.example", "ca_file = 'ca.crt'\n", "neither a certificate nor a user"),
    ],
)
def test_what_works_and_is_hardly_meant_is_warned_of(tmp_path: Path, host: str, lines: str, words: str) -> None:
    write(tmp_path, CA, BOX)
    problems, warnings = checked(tmp_path, lines, host)
    assert not problems
    (warning,) = warnings
    assert words in warning.problem


def test_what_ends_soon_is_warned_of_before_it_does(tmp_path: Path) -> None:
    write(tmp_path, CA, CA.sign("n", ends=29 * DAY))
    problems, warnings = checked(tmp_path, TLS)
    assert (problems, [warning.key for warning in warnings]) == ([], ["mqtt.certificate"])
    assert f"the certificate in {tmp_path}/box.crt ends on " in warnings[0].problem
    write(tmp_path, CA, CA.sign("n", ends=32 * DAY))
    assert checked(tmp_path, TLS) == ([], [])


def test_an_authority_that_ends_soon_is_warned_of(tmp_path: Path) -> None:
    old = Authority(ends=20 * DAY)
    write(tmp_path, old, old.sign("n", ends=60 * DAY))
    problems, warnings = checked(tmp_path, TLS)
    assert (problems, [warning.key for warning in warnings]) == ([], ["mqtt.ca_file"])


def test_what_has_ended_is_a_problem_and_no_warning(tmp_path: Path) -> None:
    write(tmp_path, CA, CA.sign("n", ends=-DAY))
    problems, warnings = checked(tmp_path, TLS)
    assert ([problem.key for problem in problems], warnings) == (["mqtt.certificate"], [])


@pytest.mark.parametrize(("until", "keys"), [("2020-01-31", ["commanders[0].until"]), ("2199-01-31", [])])
def test_a_key_of_the_centre_that_is_over_is_warned_of(tmp_path: Path, until: str, keys: list[str]) -> None:
    line = command.public_line(Ed25519PrivateKey.generate())
    write(tmp_path, CA, BOX)
    table = f"[[commanders]]\nname = 'noc'\nkey = '{line}'\nverbs = ['status']\nuntil = '{until}'\n"
    problems, warnings = checked(tmp_path, TLS + table)
    assert (problems, [warning.key for warning in warnings]) == ([], keys)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.1.7", "::1", "localhost", "LOCALHOST."])
def test_this_machine_is_spoken_to_in_plain_text_without_a_word(tmp_path: Path, host: str) -> None:
    assert checked(tmp_path, "", host) == ([], [])
