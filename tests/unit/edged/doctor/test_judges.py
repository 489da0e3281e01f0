"""The judgement of `edgectl doctor`: values in, one line each out; and that what hangs hides nothing else."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.config import load
from edged.doctor import daemon, disks, findings, machine, network, paths
from edged.doctor import gather as network_gather
from edged.doctor.disks import Array, Disk, Disks, LogLines, Smart
from edged.doctor.findings import CannotLook, Diagnosis, Missing, Result, worst
from edged.doctor.in_child import Task, together
from edged.doctor.machine import ClockState, InstalledVersions, MachineLoad
from edged.doctor.network import CertificateEnd, DeviceAnswer
from edged.doctor.paths import Directory, SecretFile
from edged.documents.site import Broker, Camera, Load, Volume
from edged.health.load import Excess
from edged.health.stream import WITHHELD
from mqtt.broker_check import BrokerAnswer
from storage.store.offline import DatabaseState, Sizes
from storage.words.message import NOTHING, Message, message
from tests.support import samples

PLACE: Final = Directory("/srv/edged", there=True, kind="ext4", total=10**12, free=10**11, volume="v-1", mode=0o750)
GLANCE: Final = DatabaseState(4096, 0, 1_000, clean=True, boot_id="b", volumes={}, complaints=())
WHOLE: Final = Disk("sda", "ST4000", rotates=True, virtual=False, smart=Smart(passed=True, temperature_c=35))


# What hangs, fails or dies hides nothing


def fails() -> int:
    raise OSError(5, "Input/output error")


def may_not() -> int:
    raise PermissionError(13, "Permission denied", "/secret")


def unseen() -> int:
    raise CannotLook(Message("there is none"), Message("make one"))


def hangs() -> int:
    time.sleep(60)
    return 1


def dies() -> int:
    os._exit(9)


def test_each_gatherer_is_apart() -> None:
    tasks: dict[str, Task[Any]] = {
        "good": Task(int, lambda: 7),
        "place": Task(Directory, lambda: PLACE),
        "many": Task(tuple[str, ...], lambda: tuple("x" * 1000 for _ in range(1000))),
        "fails": Task(int, fails),
        "may not": Task(int, may_not),
        "unseen": Task(int, unseen),
        "hangs": Task(int, hangs, 0.3),
        "dies": Task(int, dies),
        "lies": Task(int, lambda: "text"),
    }
    found = together(tasks)
    assert (found["good"], found["place"], len(found["many"])) == (7, PLACE, 1000)
    assert found["fails"] == Missing(Message("OSError: Input/output error"))
    assert found["may not"] == Missing(Message("/secret may not be read by this user"), root=os.geteuid() != 0)
    assert found["unseen"] == Missing(Message("there is none"), action=Message("make one"))
    assert found["hangs"] == Missing(Message("no answer within 0.3 s: it hangs"))
    assert isinstance(found["dies"], Missing)
    assert isinstance(found["lies"], Missing)


def test_a_sentence_keeps_its_code_and_values() -> None:
    inner = message("test.inner", "{count} disks", count=2)
    told = message("test.outer", "{array} has lost {disks}", array="md0", disks=inner)
    kind = tuple[Message, ...]
    (both,) = together({"said": Task(kind, lambda: (told, "plain"))}).values()
    assert both == (told, "plain")
    assert (both[0].code, both[0].values["disks"].code, both[1].code) == ("test.outer", "test.inner", "")
    (missing,) = together({"closed": Task(int, may_not)}).values()
    assert (missing.why.code, missing.why.values) == ("doctor.closed-file", {"file": "/secret"})


def test_programs_are_asked_in_english_and_utc_and_not_for_ever() -> None:
    told = machine.fields(machine.run("env").out)
    assert {key: told[key] for key in ("LC_ALL", "TZ")} == {"LC_ALL": "C", "TZ": "UTC"}
    assert "HOME" not in told
    assert machine.run("false").code == 1
    with pytest.raises(machine.NoAnswer, match="did not answer within"):
        machine.run("sleep", "60", within_s=0.2)
    with pytest.raises(machine.NoAnswer, match="is not installed"):
        machine.run("no-such-program")


def test_the_worst_is_told_and_what_was_not_seen_hides_nothing() -> None:
    some = [findings.ok("a", NOTHING), findings.unknown("b", NOTHING, NOTHING)]
    assert worst(some) is Result.UNKNOWN
    assert worst([*some, findings.warn("c", NOTHING, NOTHING)]) is Result.WARN
    assert (
        worst([*some, findings.warn("c", NOTHING, NOTHING), findings.critical("d", NOTHING, NOTHING)])
        is Result.CRITICAL
    )
    assert worst([]) is Result.OK
    assert [findings.EXIT_OF[Result(word)] for word in ("ok", "warn", "critical", "unknown")] == [0, 1, 2, 3]


# Disks


@pytest.mark.parametrize(
    ("smart", "result", "words"),
    [
        (Smart(passed=True, temperature_c=35), Result.OK, "35 °C"),
        (Smart(passed=False), Result.CRITICAL, "failing"),
        (Smart(passed=True, pending=3), Result.CRITICAL, "3 sectors cannot be read"),
        (Smart(passed=True, reallocated=8), Result.WARN, "8 sectors were replaced"),
        (Smart(passed=True, reallocated=8, pending=1), Result.CRITICAL, "1 sectors cannot be read; 8 sectors"),
        (Smart(passed=True, worn=93), Result.WARN, "93 %"),
        (Smart(passed=True, worn=100), Result.CRITICAL, "100 %"),
        (Smart(passed=True, temperature_c=56), Result.WARN, "56 °C"),
        (Smart(passed=True, temperature_c=66), Result.CRITICAL, "66 °C"),
        (Smart(passed=True, temperature_c=40, too_hot=True), Result.CRITICAL, "too hot"),
        (Smart(passed=True, errors=7), Result.WARN, "7 errors"),
    ],
)
def test_a_disk_is_judged_by_its_gravest_worry(smart: Smart, result: Result, words: str) -> None:
    (check,) = disks.judge_disks(Disks((replace(WHOLE, smart=smart),)))
    assert (check.result, check.name) == (result, "disk sda")
    assert words in check.said
    assert bool(check.action) == (result is not Result.OK)


def test_where_no_health_can_be_had_it_is_said_why() -> None:
    virtual = Disk("vda", "", rotates=False, virtual=True)
    bare = Disk(
        "sda",
        "",
        rotates=True,
        virtual=False,
        why_not=Message("its health is not known: smartctl is not installed"),
        no_tool=True,
    )
    closed = Disk("sdb", "", rotates=True, virtual=False, why_not=Message("Permission denied"), root=True)
    card = Disk("mmcblk0", "SD", rotates=False, virtual=False, why_not=Message("it is a card"), none=True)
    checks = disks.judge_disks(Disks((virtual, bare, closed, card)))
    assert [check.result for check in checks] == [Result.OK, Result.UNKNOWN, Result.UNKNOWN, Result.OK]
    assert "its host has to look after it" in checks[0].said
    assert "nobody can tell" in checks[3].said
    assert "smartmontools" in checks[1].action
    assert "as root" in checks[2].action


@pytest.mark.parametrize(("missing", "result"), [(0, Result.OK), (1, Result.CRITICAL)])
def test_an_array_that_has_lost_a_disk_is_told_though_the_others_are_well(missing: int, result: Result) -> None:
    array, disk = disks.judge_disks(Disks((WHOLE,), (Array("md0", "raid1", 2, missing),)))
    assert (array.name, array.result, disk.result) == ("disk md0", result, Result.OK)


def test_the_kernel_s_word_on_disks_is_heard() -> None:
    lines = (
        "usb 1-1: device descriptor read error",
        "blk_update_request: I/O error, dev sdb, sector 5",
        "ata3.00: failed command: READ",
    )
    check = disks.judge_kernel(LogLines(lines))
    assert check.result is Result.CRITICAL
    assert "2 times" in check.said
    assert disks.judge_kernel(LogLines(lines[:1])).result is Result.OK
    assert "host's journal" in disks.judge_kernel(LogLines((), elsewhere=True)).said


# Clock, unit, machine


@pytest.mark.parametrize(
    ("told", "results"),
    [
        (ClockState(True, "10.0.0.1 (chrony)", 0.4, 300), [Result.OK, Result.OK]),
        (ClockState(False), [Result.WARN, Result.OK]),
        (ClockState(None), [Result.UNKNOWN, Result.OK]),
        (ClockState(True, "x", 800.0, 90_000), [Result.WARN, Result.WARN]),
    ],
)
def test_clocks(told: ClockState, results: list[Result]) -> None:
    assert [check.result for check in machine.judge_clock(told)] == results


def test_a_clock_that_nobody_keeps_is_told_apart() -> None:
    assert "apt-get install systemd-timesyncd" in machine.judge_clock(ClockState(False, kept=False))[0].action
    assert "set a time server the box can reach" in machine.judge_clock(ClockState(False, kept=True))[0].action
    here, hardware = machine.judge_clock(ClockState(False, kept=False, of_host=True))
    assert "host" in here.action
    assert "host" in hardware.said


SHOWN: Final = """\
LoadState=loaded
ActiveState=failed
SubState=failed
Result=watchdog
ExecMainCode=2
ExecMainStatus=6
UnitFileState=enabled
NRestarts=4
MainPID=0
StateChangeTimestamp=Sun 2026-03-01 00:00:05 UTC
ExecMainStartTimestamp=Sun 2026-03-01 00:00:00 UTC
ExecMainExitTimestamp=Sun 2026-03-01 00:00:04 UTC
WatchdogUSec=30s
StatusText=recording 3 of 3 cameras
ExecStart={ path=/opt/edged/.venv/bin/edged ; argv[]=/opt/edged/.venv/bin/edged --config /etc/edged/edged.toml }
"""


def test_what_systemd_shows_is_read_and_judged() -> None:
    found = daemon.parse_unit(SHOWN)
    assert (found.load, found.active, found.result, found.ended_by, found.status) == (
        "loaded",
        "failed",
        "watchdog",
        "killed",
        6,
    )
    assert (found.since_ms - found.ended_ms, found.ended_ms - found.started_ms) == (1_000, 4_000)
    assert found.watchdog
    assert daemon.concerns(found, Path("/etc/edged/edged.toml"))
    assert not daemon.concerns(found, Path("/tmp/own.toml"))
    assert daemon.judge_unit(found).result is Result.WARN
    assert daemon.judge_unit(replace(found, restarts=0)).result is Result.OK
    assert daemon.judge_unit(replace(found, enabled="disabled")).action == "systemctl enable edged.service"
    assert daemon.judge_unit(replace(found, load="masked")).result is Result.CRITICAL
    assert daemon.judge_unit(replace(found, restarts=0, watchdog=False)).result is Result.WARN
    assert daemon.judge_unit(daemon.parse_unit("LoadState=not-found\n")).result is Result.WARN
    assert daemon.judge_unit(daemon.NOBODY).result is Result.OK


ENDS: Final = """\
{"MESSAGE_ID":"98e322203f7a4ed290d09fe03c09fe15","INVOCATION_ID":"aa","EXIT_CODE":"killed","EXIT_STATUS":"9"}
{"MESSAGE_ID":"d9b373ed55a64feb8242e02dbe79a49c","INVOCATION_ID":"aa","UNIT_RESULT":"signal"}
{"MESSAGE_ID":"98e322203f7a4ed290d09fe03c09fe15","INVOCATION_ID":"bb","EXIT_CODE":"exited","EXIT_STATUS":"1"}
{"MESSAGE_ID":"d9b373ed55a64feb8242e02dbe79a49c","INVOCATION_ID":"bb","UNIT_RESULT":"exit-code","MESSAGE":[1]}
cut off
"""


def test_how_the_life_before_a_start_ended_comes_from_the_journal() -> None:
    """systemd forgets it as soon as it starts the unit again."""
    begun = "LoadState=loaded\nActiveState=activating\nSubState=start\nResult=success\nInvocationID=cc\n"
    now = daemon.parse_unit(begun)
    assert now.begins
    assert not replace(now, sub="auto-restart").begins
    found = daemon.with_last_life(now, ENDS)
    assert (found.result, found.ended_by, found.status, found.life) == ("exit-code", "exited", 1, "bb")
    nothing = daemon.with_last_life(now, "")
    assert not nothing.failed
    assert not nothing.life, "the words of any life, not of the one that has just begun"


def test_memory_load_and_versions() -> None:
    well = MachineLoad(8 << 30, 4 << 30, 0.0, 1.0, 4)
    assert [check.result for check in machine.judge_machine(well)] == [Result.OK, Result.OK]
    assert machine.judge_machine(replace(well, memory_free=100 << 20))[0].result is Result.WARN
    assert machine.judge_machine(replace(well, pressed=25.0))[0].result is Result.CRITICAL
    assert machine.judge_machine(replace(well, load=9.0))[1].result is Result.WARN
    here = InstalledVersions("0.1.0", "3.11.2", "18.1.0", "3.40.1", "interpreted")
    assert "mended in 3.51.3" in machine.judge_versions(here, "").said
    assert "mended in" not in machine.judge_versions(replace(here, sqlite="3.51.3"), "0.1.0").said
    assert machine.judge_versions(here, "0.0.9").result is Result.WARN
    assert "reader interpreted" in machine.judge_versions(here, "").said
    assert "reader compiled" in machine.judge_versions(replace(here, reader="compiled"), "").said
    assert machine.judge_console("UTF-8") is None
    assert machine.judge_console("ANSI_X3.4-1968") is not None


@pytest.mark.parametrize(
    ("excess", "said", "action"),
    [
        ([], "31 % busy in the last minute; as it is used now, this box carries 10 cameras like its 4", ""),
        (["busy"], "31 % busy in the last minute; as it is used now, this box carries 10 cameras like its 4", "fewer"),
        (["late"], "like its 4. Cameras were looked at up to 400 ms late", "fewer cameras"),
        (["disk"], "like its 4. Up to 20.0 MB of a camera waited for the disk", "check the disk"),
        (["late", "disk"], "400 ms late. Up to 20.0 MB of a camera waited for the disk", "fewer cameras"),
    ],
)
def test_why_a_box_has_too_much_to_do(excess: list[Excess], said: str, action: str) -> None:
    load = Load(busy=0.31, cameras=4, carries=10, late_ms=400, queued_bytes=20_000_000, excess=excess)
    check = machine.judge_cameras_carried(load)
    assert check is not None
    assert check.result is (Result.WARN if excess else Result.OK)
    assert check.said.endswith(said)
    assert check.action.startswith(action)


# Volumes, room, database, files


@pytest.mark.parametrize(
    ("place", "expected", "result"),
    [
        (PLACE, "v-1", Result.OK),
        (PLACE, "", Result.OK),
        (replace(PLACE, volume="v-2"), "v-1", Result.CRITICAL),
        (replace(PLACE, volume=""), "v-1", Result.CRITICAL),
        (replace(PLACE, volume="", identity_unread=True), "v-1", Result.OK),
        (replace(PLACE, volume=""), None, Result.UNKNOWN),
        (replace(PLACE, unmounted="/srv"), "v-1", Result.CRITICAL),
        (replace(PLACE, read_only=True), "v-1", Result.CRITICAL),
        (Directory("/srv/edged", there=False), "", Result.CRITICAL),
        (Missing(Message("no answer within 8 s: it hangs")), "v-1", Result.UNKNOWN),
    ],
)
def test_volumes(place: Directory | Missing, expected: str | None, result: Result) -> None:
    assert paths.judge_volume(place, "/srv/edged", None, expected, daemon=False).result is result


FULL: Final = Volume.model_validate({**samples.STATUS["volumes"][0], "state": "full", "reason": "no more fits"})


def test_a_volume_that_is_full_is_not_well() -> None:
    check = paths.judge_volume(PLACE, "/srv/edged", FULL, "v-1", daemon=True)
    assert (check.result, check.said) == (Result.CRITICAL, "full: no more fits")


@pytest.mark.parametrize(
    ("place", "known", "expected", "seen"),
    [
        (PLACE, None, "v-1", True),
        (PLACE, None, None, True),
        (PLACE, FULL, "v-1", True),
        (replace(PLACE, volume=""), None, "", True),  # before the first start
        (replace(PLACE, volume="", identity_unread=True), None, "v-1", True),
        (Missing(Message("it hangs")), None, "v-1", True),
        (replace(PLACE, volume=""), None, "v-1", False),
        (replace(PLACE, volume=""), None, None, False),
        (replace(PLACE, volume="v-2"), None, "v-1", False),
        (replace(PLACE, unmounted="/srv"), None, "", False),
        (Directory("/srv/edged", there=False), None, "", False),
        (PLACE, FULL.model_copy(update={"state": "away"}), "v-1", False),
    ],
)
def test_of_a_volume_that_is_away_neither_room_nor_modes_are_told(
    place: Directory | Missing, known: Volume | None, expected: str | None, seen: bool
) -> None:
    assert paths.is_volume(place, known, expected) is seen


def test_room() -> None:
    assert paths.judge_room(PLACE, "/srv", None).result is Result.OK
    assert paths.judge_room(replace(PLACE, inodes=1000, inodes_free=3), "/srv", None).result is Result.CRITICAL
    assert paths.judge_state(PLACE).result is Result.OK
    assert paths.judge_state(replace(PLACE, free=100 << 20)).result is Result.WARN
    assert paths.judge_state(replace(PLACE, free=1 << 20)).result is Result.CRITICAL
    assert paths.judge_state(replace(PLACE, read_only=True)).result is Result.CRITICAL


@pytest.mark.parametrize(
    ("found", "result", "words"),
    [
        (GLANCE, Result.OK, "sound"),
        (replace(GLANCE, complaints=None), Result.OK, "as far as there was time"),
        (replace(GLANCE, complaints=("row 5 missing from index",)), Result.CRITICAL, "row 5"),
        (replace(GLANCE, unreadable=Message("edged.db is damaged")), Result.CRITICAL, "edged.db is damaged"),
        (Sizes(4096, 1 << 30), Result.WARN, "WAL is large"),
        (Sizes(4096, 0), Result.OK, "in use by edged"),
        (Missing(Message("x"), root=True), Result.UNKNOWN, "x"),
        (None, Result.UNKNOWN, "no database yet"),
    ],
)
def test_the_database(found: DatabaseState | Sizes | Missing | None, result: Result, words: str) -> None:
    check = paths.judge_database(found)
    assert check.result is result
    assert words in check.said


def test_what_everybody_can_read_is_told_and_what_cannot_be_seen() -> None:
    safe, open_ = (
        SecretFile("/e/a", Message("password"), there=True, mode=0o640),
        SecretFile("/e/b", Message("key"), there=True, mode=0o644),
    )
    assert [check.result for check in paths.judge_modes([safe], {"/srv": PLACE})] == [Result.OK]
    (told,) = paths.judge_modes([safe, open_], {})
    assert (told.result, "/e/b" in told.said) == (Result.CRITICAL, True)
    (told,) = paths.judge_modes([safe], {"/srv": replace(PLACE, mode=0o755)})
    assert "755" in told.said
    told = paths.judge_modes([open_, SecretFile("/e/c", Message("password"), there=True, hidden=True)], {})[-1]
    assert (told.result, "as root" in told.action) == (Result.UNKNOWN, True)


# Cameras and broker

LINK: Final = Broker(configured=True, connected=True, address="b:1883", protocol="5", reason="", since=None)


@pytest.mark.parametrize(("grave", "result"), [(True, Result.CRITICAL), (False, Result.WARN)])
def test_a_camera_that_only_just_starts_is_no_graver_than_the_daemon_has_it(grave: bool, result: Result) -> None:
    camera = Camera.model_validate({**samples.STATUS["cameras"][0], "state": "down", "reason": "connecting"})
    assert [check.result for check in network.judge_cameras([camera], grave=grave)] == [result]


def test_links_and_doors() -> None:
    assert network.judge_link(LINK).result is Result.OK
    old = network.judge_link(LINK.model_copy(update={"protocol": "3.1.1"}))
    assert (old.result, "nobody can tell whether anybody hears" in old.said) == (Result.OK, True)
    assert network.judge_link(LINK.model_copy(update={"connected": False, "reason": "refused"})).result is Result.WARN
    assert "nobody can tell" in network.judge_broker(BrokerAnswer("b:1883", "3.1.1")).said
    assert (
        network.judge_broker(BrokerAnswer("b:1883", "", Message("refused"), Message("the log"))).action
        == "check the log"
    )
    doors = [
        DeviceAnswer("10.0.0.1:554", ("a",), NOTHING),
        DeviceAnswer("10.0.0.2:554", ("b", "c"), Message("no answer from this address")),
    ]
    (told,) = network.judge_devices(doors, 3)
    assert (told.name, told.result) == ("device 10.0.0.2:554", Result.WARN)
    assert [check.result for check in network.judge_devices(doors[:1], 1)] == [Result.OK]
    assert [check.result for check in network.judge_devices([], 1)] == [Result.OK]
    (none,) = network.judge_devices([], 0)
    assert (none.result, "none is configured" in none.said) == (Result.WARN, True)


def test_where_the_disk_is_the_reason_nobody_is_sent_to_the_camera() -> None:
    for cause in WITHHELD:
        camera = Camera.model_validate({**samples.STATUS["cameras"][0], "state": "down", "cause": cause.value})
        (told,) = network.judge_cameras([camera], grave=True)
        assert "probe" not in told.action
    (own,) = network.judge_cameras([camera.model_copy(update={"cause": "unreachable"})], grave=True)
    assert "probe" in own.action


def test_what_an_empty_configuration_lacks_is_named(tmp_path: Path) -> None:
    file = tmp_path / "edged.toml"
    file.write_text("")
    with pytest.raises(CannotLook, match=r"cannot be used: site is missing"):
        network_gather.broker(file)


@pytest.mark.parametrize(
    ("days", "result"), [(31, Result.OK), (30, Result.WARN), (7, Result.CRITICAL), (-1, Result.CRITICAL)]
)
def test_certificates(days: int, result: Result) -> None:
    (check,) = network.judge_certificates((CertificateEnd("/e/box.crt", days),))
    assert check.result is result


def test_a_certificate_that_cannot_be_read_is_not_none() -> None:
    (check,) = network.judge_certificates((CertificateEnd("/e/ca.crt", 900), CertificateEnd("/e/box.crt", None)))
    assert (check.result, "/e/box.crt cannot be read" in check.said) == (Result.UNKNOWN, True)
    (none,) = network.judge_certificates(())
    assert none.said == "none are used"


# What a configuration names


def test_a_file_full_of_mistakes_still_names_what_it_can(tmp_path: Path) -> None:
    text = (
        '[site]\nnode = 5\nprofile = "taipei-police"\n[roles]\noperator = ["cctv", 7]\nauthority = "a"\n'
        '[paths]\nstate = "relative"\n[[volumes]]\npath = "/v"\n[[volumes]]\npath = 7\n[mqtt]\n'
        'key_file = "k"\n[[cameras]]\nid = "a"\nurl = "rtsp://h:99/x"\npassword_file = "a.pw"\n'
        '[[cameras]]\nurl = "rtsp://[bad"\n[[cameras]]\nid = "c"\nurl = "rtsp://g/x"\nenabled = false\n'
    )
    found = load.read_outline(tmp_path / "edged.toml", text.encode())
    assert (found.node, found.state, found.volumes) == ("", "/var/lib/edged", ("/v",))
    assert [(door.camera, door.host, door.port) for door in found.doors] == [("a", "h", 99)]
    assert [secret.path for secret in found.secrets] == [
        f"{tmp_path}/a.pw",
        f"{tmp_path}/k",
        "/var/lib/edged/ledger.key",
        "/var/lib/edged/office.key",
        "/var/lib/edged/office.keys",
    ]
    assert (found.profile, found.operators, found.authorities) == ("taipei-police", ("cctv",), ())


@given(
    st.dictionaries(
        st.sampled_from(["site", "paths", "volumes", "cameras", "mqtt"]),
        st.integers() | st.text() | st.lists(st.integers()),
    )
)
def test_no_table_of_the_wrong_kind_is_stumbled_over(raw: dict[str, Any]) -> None:
    text = "\n".join(f"{key} = {json.dumps(value)}" for key, value in raw.items())
    try:
        load.read_outline(Path("/e/edged.toml"), text.encode())
    except ValueError as error:
        assert "TOML" in type(error).__name__ or "Unicode" in type(error).__name__  # noqa: PT017


def test_every_check_that_is_not_well_says_what_to_do() -> None:
    for check in (
        Missing(Message("x")).check("a"),
        Missing(Message("x"), root=True).check("a"),
        Missing(Message("x"), action=Message("y")).check("a"),
    ):
        assert isinstance(check, Diagnosis)
        assert check.action
