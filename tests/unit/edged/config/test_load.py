"""The configuration: the whole example is read, and everything wrong is told at once, in words, without a secret."""

from __future__ import annotations

import logging
import re
import traceback
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from edged.config import load as config
from edged.config import model as config_model
from edged.config.load import check, load
from edged.config.problem import ConfigError, ConfigMistake
from edged.words import value_types
from storage.volumes.volume import VolumeSpec
from storage.words.model import Bounds
from tests.support import tls

SECRET: Final = "geheim-4711"
PIN: Final = "sha256:" + "0a" * 32

FULL: Final = """
[site]
node = "wenshan-main"
office = "wenshan"
name = "文山區戶政事務所 所本部"
timezone = "Asia/Taipei"
profile = "wenshan-household"
[paths]
state = "/nowhere/state"
socket = "/run/edged/control.sock"
[[volumes]]
path = "/nowhere/a"
reserve = "5%"
max_bytes = "2TB"
[[volumes]]
path = "/nowhere/b"
reserve = "10GiB"
[recording]
segment = "5m"
max_loss = "2s"
[retention]
min = "31d"
max = "365d"
on_full = "stop"
[[cameras]]
id = "lobby"
name = "大廳"
url = "rtsp://10.0.0.11/stream1"
username = "viewer"
password_file = "lobby.password"
priority = 10
retention = { min = "92d" }
expect = { width = 1920, height = 1080, fps = 10, audio = true }
[[cameras]]
id = "bench"
url = "test://"
enabled = false
[mqtt]
host = "127.0.0.1"
port = 1884
"""
SMALL: Final = """
[site]
node = "n"
office = "o"
name = "N"
[retention]
min = "1d"
max = "2d"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    password = tmp_path / "lobby.password"
    password.write_text(f"{SECRET}\n")
    password.chmod(0o600)
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / "edged.toml"
    path.write_text(text, "utf-8")
    return path


def problems(folder: Path, text: str, environ: dict[str, str] | None = None) -> dict[str, ConfigMistake]:
    found, _ = check(written(folder, text), environ or {})
    assert len({problem.key for problem in found}) == len(found), found
    assert all(problem.problem.code for problem in found), "else it is English to everybody"
    return {problem.key: problem for problem in found}


def with_camera(lines: str) -> str:
    return f"{SMALL}[[cameras]]\n{lines}\n"


def test_the_whole_example_is_read(folder: Path) -> None:
    read = load(written(folder, FULL), {})
    lobby, bench = read.cameras
    assert (lobby.name, lobby.username, lobby.password.get_secret_value()) == ("大廳", "viewer", SECRET)
    assert (lobby.expect.width, lobby.expect.height, lobby.expect.fps, lobby.expect.audio) == (1920, 1080, 10, True)
    assert (bench.name, bench.enabled, bench.password.get_secret_value()) == ("bench", False, "")
    assert read.recording == config_model.Recording(segment=timedelta(minutes=5), max_loss=timedelta(seconds=2))
    assert read.mqtt is not None
    assert (read.mqtt.host, read.mqtt.port) == ("127.0.0.1", 1884)
    assert str(read.site.zone) == "Asia/Taipei"
    assert check(written(folder, FULL), {}) == ([], [])


def test_what_the_daemon_asks_of_it(folder: Path) -> None:
    read = load(written(folder, FULL), {})
    assert read.bounds("lobby") == Bounds(92 * 86_400, 365 * 86_400)
    assert read.bounds("bench") == read.bounds("gone long ago") == Bounds(31 * 86_400, 365 * 86_400)
    assert read.volume_specs() == [
        VolumeSpec(Path("/nowhere/a"), reserve_percent=5.0, max_bytes=2 * 10**12),
        VolumeSpec(Path("/nowhere/b"), reserve_bytes=10 * 2**30),
    ]


def test_what_may_be_left_out(folder: Path) -> None:
    read = load(written(folder, SMALL), {})
    assert read.mqtt is None
    assert read.volume_specs() == [VolumeSpec(Path("/srv/edged"), reserve_percent=5.0)]
    assert read.paths.socket == Path("/run/edged/control.sock")
    assert read.recording.segment == timedelta(minutes=5)
    assert read.retention.on_full == "stop"


def test_everything_wrong_is_told_at_once_with_what_to_write(folder: Path) -> None:
    found = problems(
        folder,
        FULL.replace('node = "wenshan-main"', 'nod = "wenshan-main"')
        .replace('"Asia/Taipei"', '"Asia/Taipeh"')
        .replace('segment = "5m"', "segment = 300")
        .replace('reserve = "5%"', 'reserve = "95%"')
        .replace('"2TB"', '"2tb"')
        .replace('on_full = "stop"', 'on_full = "delete"')
        .replace("priority = 10", 'priority = "high"')
        .replace('min = "92d"', 'min = "3M"')
        .replace("port = 1884", "port = 70000")
        .replace('id = "bench"', 'id = "Bench"')
        .replace('"/nowhere/b"', '"b"'),
    )
    told = {key: (problem.problem, problem.instead) for key, problem in found.items()}
    assert told == {
        "site.node": ("is missing", 'node = "wenshan-main"'),
        "site.nod": ("is not a key that edged knows", "node (did you mean that?), or leave it out"),
        "site.timezone": ('"Asia/Taipeh" is not a time zone', 'a name like "Asia/Taipei"'),
        "volumes[0].reserve": ('"95%" leaves too little to record on', 'at most "90%"'),
        "volumes[0].max_bytes": ("\"2tb\" has the unknown unit 'tb'", '"2TB"'),
        "volumes[1].path": ("must be an absolute path in quotes", 'path = "/srv/edged"'),
        "recording.segment": ("must be a duration in quotes, with a unit", 'segment = "5m"'),
        "retention.on_full": ('"delete" is not a way to deal with a full disk', '"stop" or "overwrite"'),
        "cameras.lobby.priority": ("must be a whole number, without quotes", "priority = 10"),
        "cameras.lobby.retention.min": (
            "\"3M\" has the unknown unit 'M'",
            "a month has no fixed length: write days, such as 31d; minutes are m",
        ),
        "cameras.Bench.id": ('"Bench" is not 1 to 32 of a-z, 0-9 and -', '"bench"'),
        "mqtt.port": ("must be at most 65535", "port = 1883"),
    }


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        (SMALL + "foo = 1", "retention.foo", "is not a key"),
        (SMALL + "[camera]\nid = 'x'", "camera", "is not a key"),
        (
            SMALL.replace('max = "2d"', 'max = "12h"'),
            "retention.min",
            "the floor (min, 1d) is above the ceiling (max, 12h)",
        ),
        (SMALL.replace('name = "N"', 'name = "\\u001b[2J"'), "site.name", "visible characters"),
        (SMALL.replace('name = "N"', "name = 5"), "site.name", "must be text in quotes"),
        (
            SMALL.replace('office = "o"', 'office = "o"\nprofile = "oo"'),
            "site.profile",
            "not a profile that edged knows",
        ),
        (SMALL + '[recording]\nsegment = "1s"', "recording.segment", "1s is outside 2s to 1h"),
        (SMALL + '[recording]\nsegment = "2h"', "recording.segment", "2h is outside 2s to 1h"),
        (SMALL + '[recording]\nmax_loss = "500ms"', "recording.max_loss", "500ms is outside 1s500ms to 1m"),
        (SMALL.replace('"1d"', '"1500ms"'), "retention.min", "must be whole seconds"),
        (SMALL + '[mqtt]\nhost = "mqtt://x"', "mqtt.host", "without mqtt://"),
        (SMALL + '[mqtt]\nhost = "x"\npassword = "y"', "mqtt.password", "does not belong in this file"),
        (SMALL + "[cameras.lobby]\nurl = 'test://'", "cameras", "must be a list of tables"),
        ("volumes = []\n" + SMALL, "volumes", "at least 1 table"),
        (SMALL + "[roles]", "roles.authority", "is missing"),
        (SMALL + "[roles]\nauthority = []", "roles.authority", "at least 1 name"),
        (SMALL + "[roles]\nauthority = 'a'", "roles.authority", "must be a list"),
        (SMALL + "[roles]\nauthority = ['a', 7]", "roles.authority[1]", "must be text in quotes"),
        (SMALL + "[roles]\nauthority = ['a:b']", "roles.authority[0]", "is not the name of a group"),
        (SMALL + "[roles]\nauthority = ['1001']", "roles.authority[0]", "is a number"),
        (SMALL + "[roles]\nauthority = ['a']\noperator = ['b', 'a']", "roles.authority", "also a group of operators"),
        (SMALL + "[roles]\nauthority = ['a']\nboss = ['b']", "roles.boss", "is not a key"),
        (SMALL + "[[volumes]]\npath = '/a/../b'", "volumes[0].path", 'must not contain ".."'),
    ],
)
def test_single_mistakes(folder: Path, text: str, key: str, words: str) -> None:
    found = problems(folder, text)
    assert list(found) == [key]
    assert words in found[key].problem
    assert found[key].instead


@pytest.mark.parametrize(
    ("lines", "key", "words"),
    [
        ("url = 'test://'", "cameras[0].id", "is missing"),
        ("id = 'a'", "cameras.a.url", "is missing"),
        ("id = 'a'\nurl = 'http://10.0.0.1/'", "cameras.a.url", "must begin with rtsp://, rtsps:// or test://"),
        ("id = 'a'\nurl = 'rtsp:///x'", "cameras.a.url", "names no host"),
        ("id = 'a'\nurl = 'rtsp://[::1/x'", "cameras.a.url", "is not an address"),
        ("id = 'a'\nurl = 'rtsp://h:0/x'", "cameras.a.url", "port 0"),
        ("id = 'a'\nurl = 'rtsp://h/x y'", "cameras.a.url", "spaces"),
        (f"id = 'a'\nurl = 'rtsp://u:{SECRET}@h/x'", "cameras.a.url", "carries a user or a password"),
        ("id = 'a'\nurl = 'rtsp://u@h/x'", "cameras.a.url", "carries a user or a password"),
        (f"id = 'a'\nurl = 'rtsp://h/user=u&password={SECRET}&channel=1'", "cameras.a.url", "a password in its path"),
        (f"id = 'a'\nurl = 'rtsp://h/user=u_password={SECRET}_channel=1'", "cameras.a.url", "a password in its path"),
        (f"id = 'a'\nurl = 'rtsp://h/s?pwd={SECRET}'", "cameras.a.url", "a password in its path"),
        (f"id = 'a'\nurl = 'test://'\npassword = '{SECRET}'", "cameras.a.password", "does not belong in this file"),
        ("id = 'a'\nurl = 'test://'\npassword_file = 'lobby.password'", "cameras.a.username", "is missing"),
        (
            "id = 'a'\nurl = 'test://'\nretention = { max = '1h' }",
            "cameras.a.retention.max",
            "above the ceiling (max, 1h)",
        ),
        ("id = 'a'\nurl = 'test://'\nretention = { min = '3d' }", "cameras.a.retention.min", "the floor (min, 3d)"),
        (
            "id = 'a'\nurl = 'test://'\nretention = { min = '0s', max = '1m' }\n[recording]\nsegment = '5m'",
            "cameras.a.retention.max",
            "shorter than one segment (5m)",
        ),
        ("id = 'a'\nurl = 'test://'\nexpect = { fps = 0 }", "cameras.a.expect.fps", "must be more than 0"),
        ("id = 'a'\nurl = 'test://'\nexpect = { witdh = 640 }", "cameras.a.expect.witdh", "is not a key"),
        ("id = 'a'\nurl = 'test://'\nenabled = 'yes'", "cameras.a.enabled", "true or false"),
        (f"id = 'a'\nurl = 'rtsp://h/x'\ncertificate = '{PIN}'", "cameras.a.certificate", "only a camera with rtsps"),
        ("id = 'a'\nurl = 'rtsps://h/x'\ncertificate = 'sha256:0a'", "cameras.a.certificate", "is not the SHA-256"),
        ("id = 'a'\nurl = 'rtsps://h/x'\nca_file = 'lobby.password'", "cameras.a.ca_file", "cannot be read as certif"),
        ("id = 'a'\nurl = 'rtsps://h/x'\nca_file = 'none.pem'", "cameras.a.ca_file", "cannot be read as certificates"),
        (
            f"id = 'a'\nurl = 'rtsps://h/x'\ncertificate = '{PIN}'\nca_file = '{tls.AUTHORITY}'",
            "cameras.a.ca_file",
            "stands beside certificate",
        ),
        ("id = 'a'\nurl = 'test://'\npriority = true", "cameras.a.priority", "a whole number"),
        ("id = 'a/b'\nurl = 'test://'", "cameras.a/b.id", "is not 1 to 32 of a-z, 0-9 and -"),
    ],
)
def test_mistakes_of_a_camera(folder: Path, lines: str, key: str, words: str) -> None:
    found = problems(folder, with_camera(lines))
    assert list(found) == [key]
    assert words in found[key].problem
    assert SECRET not in str(found[key])


def test_certificates_of_cameras(folder: Path) -> None:
    (folder / "cameras.pem").write_text(tls.AUTHORITY.read_text())
    pinned = ":".join(["0A"] * 32)
    text = with_camera(f"id = 'a'\nurl = 'rtsps://h/x'\ncertificate = '{pinned}'")
    text += "\n[[cameras]]\nid = 'b'\nurl = 'rtsps://h/y'\nca_file = 'cameras.pem'"
    first, second = load(written(folder, text)).cameras
    assert (first.certificate, first.ca_file) == (PIN, None)
    assert (second.certificate, second.ca_file) == (None, str(folder / "cameras.pem"))


def test_two_cameras_of_one_id_are_named_by_position(folder: Path) -> None:
    one = "[[cameras]]\nid = 'a'\nurl = 'test://'\n"
    found = problems(folder, SMALL + one + one + one)
    assert {key: problem.problem for key, problem in found.items()} == {
        "cameras[1].id": '"a" is already the id of cameras[0]',
        "cameras[2].id": '"a" is already the id of cameras[0]',
    }


def test_a_site_s_floor_above_its_ceiling_is_not_told_again_for_each_camera(folder: Path) -> None:
    text = with_camera("id = 'a'\nurl = 'test://'\nretention = { min = '9d' }").replace('max = "2d"', 'max = "1h"')
    assert list(problems(folder, text)) == ["retention.min"]


@pytest.mark.parametrize(
    ("paths", "keys"),
    [
        (["/v/a", "/v/b"], []),
        (["/v/a", "/v/ab"], []),
        (["/v/a", "/v/a/"], ["volumes[1].path"]),
        (["/v/a", "/v/a/b"], ["volumes[1].path"]),
        (["/v/a/b", "/v/a"], ["volumes[1].path"]),
        (["/var/lib"], ["paths.state"]),
        (["/var/lib/edged/ring"], ["paths.state"]),
    ],
)
def test_volumes_and_state_lie_apart(folder: Path, paths: list[str], keys: list[str]) -> None:
    assert list(problems(folder, SMALL + "".join(f"[[volumes]]\npath = '{path}'\n" for path in paths))) == keys


@pytest.mark.parametrize(
    ("state", "viewings", "keys"),
    [
        ("/state", "/viewings", []),
        ("/state", "/state", ["office.viewings"]),
        ("/state", "/state/viewings", ["office.viewings"]),
        ("/state", "/srv/edged/viewings", ["office.viewings"]),
        ("/nowhere/state", "/nowhere", ["office.viewings"]),
        ("/state", "viewings", ["office.viewings"]),
    ],
)
def test_viewing_copies_lie_apart(folder: Path, state: str, viewings: str, keys: list[str]) -> None:
    """Whoever looks at one may enter neither the state nor a volume."""
    text = f"{SMALL}[paths]\nstate = '{state}'\n[office]\nviewings = '{viewings}'\n"
    assert list(dict.fromkeys(problems(folder, text))) == keys
    plain = load(written(folder, f"{SMALL}[paths]\nstate = '{state}'\n"), {})
    assert plain.viewings == Path(f"{state}-viewings")


def test_a_unit_is_one_line_and_spelled_in_one_way(folder: Path) -> None:
    (lobby,) = load(written(folder, with_camera('id = "a"\nurl = "test://"\nunit = " cafe\\u0301課 "')), {}).cameras
    assert lobby.unit == "caf\u00e9課"
    for wrong in ('"  "', '"a\\nb"', '"\\u202eb"', "7"):
        assert list(problems(folder, with_camera(f'id = "a"\nurl = "test://"\nunit = {wrong}'))) == ["cameras.a.unit"]


def test_volumes_behind_a_link_are_the_same_volume(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "link").symlink_to(folder / "real")
    tables = "".join(f"[[volumes]]\npath = '{folder / name}'\n" for name in ("real", "link"))
    assert list(problems(folder, SMALL + tables)) == ["volumes[1].path"]


def test_a_syntax_error_has_its_line(folder: Path) -> None:
    found = problems(folder, SMALL + "\n[[cameras]]\nid = lobby\n")
    line = (SMALL + "\n[[cameras]]\nid = lobby").count("\n") + 1
    (key,) = found
    assert key.startswith(f"line {line},")
    assert "is not TOML: this is no value" in found[key].problem
    assert next(iter(problems(folder, "[site"))).startswith("line 1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[mqtt]\n[mqtt]\n", "cannot declare mqtt twice"),
        ("['a\\'.b]\n[\"a\\\\\".b]\n", "cannot declare a\\.b twice"),
        ("a = {b = 1}\n[[a.c]]\n", "cannot mutate immutable namespace a.c"),
        ('a = "x\n', "the line ends within quotes: one is missing"),
    ],
)
def test_a_syntax_error_is_told_without_python(folder: Path, text: str, words: str) -> None:
    (found,) = problems(folder, text).values()
    assert found.problem == f"is not TOML: {words}"


def test_a_byte_order_mark_is_no_error(folder: Path) -> None:
    assert problems(folder, "\ufeff" + SMALL) == {}


def test_a_file_that_is_not_there_or_not_text(folder: Path) -> None:
    (missing,), _ = check(folder / "none.toml", {})
    assert (missing.key, missing.problem) == ("", "there is no such file")


def test_a_file_in_another_encoding_is_told_with_its_line(folder: Path) -> None:
    path = folder / "edged.toml"
    path.write_bytes('[site]\nname = "所本部"\n'.encode("big5"))
    (problem,), _ = check(path, {})
    assert (problem.key, problem.problem) == ("line 2", "is not UTF-8 text")


def test_a_directory_and_a_huge_file_are_refused(folder: Path) -> None:
    (problem,), _ = check(folder, {})
    assert problem.problem == "is a directory"
    assert problem.instead.endswith(str(folder / "edged.toml"))
    path = written(folder, "#" * (config.MAX_FILE_BYTES + 1))
    (problem,), _ = check(path, {})
    assert "is larger than" in problem.problem


def test_a_configuration_error_holds_all_problems_and_no_secret(folder: Path) -> None:
    text = with_camera(f"id = 'a'\nurl = 'rtsp://u:{SECRET}@h/'\npassword = '{SECRET}'\npriority = '{SECRET}'")
    with pytest.raises(ConfigError) as refused:
        load(written(folder, text), {})
    assert {problem.key for problem in refused.value.problems} == {
        "cameras.a.url",
        "cameras.a.password",
        "cameras.a.priority",
    }
    assert SECRET not in "".join(traceback.format_exception(refused.value))


def test_a_password_shows_nowhere(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    read = load(written(folder, FULL), {})
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").warning("%s %r", read, read.cameras[0])
    shown = [
        repr(read),
        str(read),
        read.model_dump_json(),
        str(read.model_dump()),
        caplog.text,
        str(vars(read.cameras[0])),
    ]
    assert not [text for text in shown if SECRET in text]


def test_the_hash_is_of_what_is_effective_and_of_no_secret(folder: Path) -> None:
    first = load(written(folder, FULL), {})
    again = load(written(folder, FULL.replace('segment = "5m"', 'segment = "300s"  # the same') + "username = 'e'"), {})
    assert re.fullmatch("[0-9a-f]{64}", first.config_hash())
    assert load(written(folder, FULL.replace('"5m"', '"300s"')), {}).config_hash() == first.config_hash()
    assert again.config_hash() != first.config_hash()
    (folder / "lobby.password").write_text("another")
    changed = load(written(folder, FULL), {})
    assert changed.config_hash() == first.config_hash()
    assert changed.cameras[0] != first.cameras[0], "a reload must see that the password changed"


def test_a_configuration_cannot_be_changed(folder: Path) -> None:
    read = load(written(folder, SMALL), {})
    with pytest.raises(ValueError, match="frozen"):
        read.site.node = "other"


def test_a_password_file_that_everybody_can_read_is_warned_of(folder: Path) -> None:
    (folder / "lobby.password").chmod(0o644)
    found, warnings = check(written(folder, FULL), {})
    assert not found
    assert [(w.key, w.instead) for w in warnings] == [
        ("cameras.lobby.password_file", f"chmod o= {folder / 'lobby.password'}")
    ]


def test_every_key_has_an_example_for_messages() -> None:
    for table in (
        config_model.Site,
        config_model.CameraConfig,
        config_model.Config,
        config_model.Expect,
        config_model.BrokerConfig,
    ):
        for name, field in table.model_fields.items():
            assert name == "password" or field.examples, f"{table.__name__}.{name}"


def test_a_socket_has_a_name_that_fits_its_address(folder: Path) -> None:
    fits = "/" + "長" * 35 + "x"
    assert len(fits.encode()) == 107
    assert problems(folder, f'{SMALL}[paths]\nsocket = "{fits}"\n') == {}
    assert list(problems(folder, f'{SMALL}[paths]\nsocket = "{fits}y"\n')) == ["paths.socket"]


def test_a_problem_is_told_without_a_key_where_there_is_none(folder: Path) -> None:
    (problem,), _ = check(folder / "none.toml", {})
    assert str(problem).startswith(f"{folder}/none.toml: there is no such file\n  → ")


def test_the_defaults_of_edgectl_are_those_of_the_configuration(folder: Path) -> None:
    read = load(written(folder, SMALL), {})
    assert (read.paths.socket, read.paths.state) == (value_types.DEFAULT_SOCKET, value_types.DEFAULT_STATE)
    assert [volume.path for volume in read.volumes] == [value_types.DEFAULT_VOLUME]


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("Gate!", '"gate"'),
        ("Gate 2 (rear)", '"gate-2-rear"'),
        ("a/b", '"a-b"'),
        ("Café", '"cafe"'),
        ("x" * 40, f'"{"x" * 32}"'),
        ("大門", "a name of your own, 1 to 32 of a-z, 0-9 and -"),
        ("", "a name of your own, 1 to 32 of a-z, 0-9 and -"),
    ],
)
def test_instead_of_a_wrong_id_one_is_told_that_is_made_of_it(folder: Path, written: str, instead: str) -> None:
    found = problems(folder, with_camera(f"id = '{written}'\nurl = 'test://'"))
    assert [problem.instead for problem in found.values()] == [instead]
