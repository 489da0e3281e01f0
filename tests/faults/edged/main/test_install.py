"""`script/install` on a bare Debian that boots a real systemd, and what becomes of edged there: killed, hung, rebooted,
without power, on full disks, without a journal, upgraded, taken away.

One box for all, each test leaving it recording; the order is that of its life. Whoever runs one alone gets the
installation before it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from edged.documents.machine import Doctor
from edged.host.journal import MessageId
from edged.words.roles import Role
from storage.words.clock import kernel_synced
from tests.faults.edged.main import installed
from tests.faults.edged.main.booted import Booted
from tests.faults.edged.main.installed import NOTICED_S
from tests.faults.edged.main.night import unsaid
from tests.support.waiting import let_run, wait_until

WATCHDOG_S: Final = 30.0
"""WatchdogSec=."""
HUNG_S: Final = 10.0
"""The same for a test that waits for it; that the unit has 30 s is held by `test_unit_file.py`."""
STEADY_S: Final = 5.0
"""Some restarts, if there were a loop: systemd waits a second before each."""
MAX_EXPOSURE: Final = 2.0
UPGRADE_MORE_S: Final = 3.0
"""A new version is read from the disk for the first time."""
LINES: Final = 900
"""Of 300 bytes: more than the sockets between edged and the journal hold (212,992 bytes, 512 datagrams)."""
AT_ONCE: Final = "/root/at-once"
"""Settings by which apt takes the first no for an answer; else it asks again and again, and waits in between."""


def test_refusals_are_one_clear_line_and_leave_nothing(bare: Booted) -> None:
    """Before anything is there: what cannot be done is told, and not begun."""
    bare.must("useradd", "chen")
    bare.must("chmod", "-R", "go+rX", "/root")
    as_chen = bare.call("setpriv", "--reuid=chen", "--regid=chen", "--clear-groups", installed.INSTALL)
    unbooted = bare.call("unshare", "--mount", "sh", "-c", f"mount -t tmpfs none /run/systemd && {installed.INSTALL}")
    too_old = bare.call(
        "unshare", "--mount", "sh", "-c",
        f"echo 'echo systemd 247 \\(247.3-7\\)' >/tmp/old && chmod +x /tmp/old && "
        f"mount --bind /tmp/old /usr/bin/systemctl && {installed.INSTALL}",
    )  # fmt: skip
    absent = bare.call(installed.INSTALL, "--uninstall")
    for done, words in (
        (as_chen, "only root"),
        (unbooted, "not booted with systemd"),
        (too_old, "needs Debian 12 or newer; this is .*Debian.* with systemd 247"),
        (absent, "not installed here"),
    ):
        assert done.returncode == 1, done.stderr
        assert re.fullmatch(f"install: .*{words}.*\n", done.stderr), done.stderr
    assert not (bare.root / "opt/edged").exists()
    assert not (bare.root / "etc/edged").exists()


def test_without_a_network_nothing_is_half_done(bare: Booted) -> None:
    """Debian's packages first, then pip: each told in a line."""
    bare.must("sh", "-c", f"""echo 'Acquire::Retries "0";' >{AT_ONCE}""")
    offline = ("env", f"APT_CONFIG={AT_ONCE}", "unshare", "--net", installed.INSTALL)
    if bare.call("test", "-e", "/usr/bin/python3").returncode:
        done = bare.call(*offline)
        assert done.returncode == 1
        assert "Debian's packages python3 python3-venv cannot be installed" in done.stderr.splitlines()[-1]
        bare.must("apt-get", "-q", "-y", "install", "--no-install-recommends", "python3", "python3-venv")
    done = bare.call(*offline, "--wheels", "/root")
    assert done.returncode == 1
    assert "the libraries cannot be installed from /root" in done.stderr.splitlines()[-1]
    small = bare.call("unshare", "--mount", "sh", "-c", f"mount -t tmpfs -o size=100m none /opt && {installed.INSTALL}")
    assert small.returncode == 1
    assert re.search(r"too little room in /opt/edged: \d+ MB are free, 700 MB are needed\n$", small.stderr)
    assert list((bare.root / "opt/edged").glob("versions/*")) == []
    assert not (bare.root / "etc/systemd/system/edged.service").exists()


def test_the_page_leads_to_a_recording_camera_and_a_doctor_who_is_content(followed: installed.Followed) -> None:
    """docs/install.md, as it was typed. What is this machine's (its clock, its other work) is not the box's."""
    told = {command: done.stdout + done.stderr for command, done in followed.said.items()}
    failed = {command for command, done in followed.said.items() if done.returncode}
    assert failed <= {"edgectl doctor"}, told
    assert "Not started" in told[installed.INSTALL]
    assert "can be recorded" in told["edgectl probe"]
    assert "0 warnings" in told["edgectl config"]
    assert told["edgectl status"].rstrip().splitlines()[-1].startswith("OK")
    document = Doctor.model_validate_json(followed.box.call("edgectl", "doctor", "--json").stdout)
    ill = {one.name: one for one in document.checks if one.result != "ok"}
    assert set(ill) <= {"clock", "load", "load.cameras", "memory"}, ill
    assert ("clock" in ill) == (not kernel_synced())
    assert "clock" not in ill or "its host" in ill["clock"].action
    assert followed.box.call("smartctl", "--version").returncode == 0


def test_its_reader_is_compiled_and_the_compiler_gone(box: Booted) -> None:
    assert box.asked("version")["reader"] == "compiled"
    assert box.call("sh", "-c", "command -v gcc || ls /usr/include/python3*").returncode != 0


@pytest.mark.usefixtures("gathering")
def test_it_records_and_people_reach_it_by_their_roles(box: Booted) -> None:
    """Its camera from the first minute; a member of a role's group is known by the socket, and a stranger is not."""
    for role in Role:
        box.must("groupadd", "--force", f"cctv-{role}")
    for name, more in (("lin", ("--groups", "cctv-viewer")), ("wang", ())):
        box.must("useradd", *more, name)
    config = box.root / installed.CONFIG.lstrip("/")
    config.write_text(config.read_text() + "\n[roles]\n" + "".join(f'{role} = ["cctv-{role}"]\n' for role in Role))
    box.must("edgectl", "reload")
    as_one = ("setpriv", "--init-groups", "--reuid")
    assert box.call(*as_one, "lin", "--regid", "lin", "edgectl", "status").returncode == 0
    assert box.call(*as_one, "wang", "--regid", "wang", "edgectl", "status").returncode == 77
    assert box.call("edgectl", "status", "--check").returncode in (0, 1)


def test_the_manual_and_what_tab_completes_are_there(box: Booted) -> None:
    """By links that lead through the version that runs."""
    share = "/usr/local/share"
    for page in ("man1/edgectl.1", "man1/edgectl-pin.1", "man5/edged.toml.5", "man7/edged-night.7", "man8/edged.8"):
        assert box.must("readlink", f"{share}/man/{page}").startswith("/opt/edged/current/share/man/")
        assert box.must("head", "--lines=1", f"{share}/man/{page}").startswith(".TH ")
    completing = (
        f". {share}/bash-completion/completions/edgectl; COMP_WORDS=(edgectl gaps --camera ''); COMP_CWORD=3; "
        "_edgectl_completion edgectl; echo ${COMPREPLY[*]}"
    )
    known = [camera["id"] for camera in box.asked("status")["cameras"]]
    assert box.must("bash", "-c", completing).split() == known


def test_at_night_it_says_why_it_does_not_run(box: Booted) -> None:
    """docs/night.md, 9: somebody has stopped it; somebody has made a mistake in its configuration."""
    config = box.root / installed.CONFIG.lstrip("/")
    good, said = config.read_text(), dict.fromkeys(("status", "doctor"), "")

    def look() -> None:
        for command in said:
            done = box.call("edgectl", command)
            said[command] += done.stderr + done.stdout

    box.must("systemctl", "stop", "edged")
    look()
    config.write_text(f"{good}\n[nonsense]\n")
    try:
        box.call("systemctl", "start", "edged")
        wait_until(lambda: box.unit("ActiveState") == "failed", installed.BUSY_S, "it refuses its configuration")
        look()
    finally:
        config.write_text(good)
    box.must("systemctl", "start", "edged")
    assert unsaid(9, said) == []


def test_files_belong_to_whom_they_should(box: Booted) -> None:
    asked = (
        "/etc/edged",
        installed.CONFIG,
        "/etc/edged/credentials",
        "/var/lib/edged",
        "/srv/edged",
        "/run/edged",
        "/opt/edged",
        "/etc/sysctl.d/10-edged.conf",
    )
    told = box.must("stat", "--format=%n %a %U:%G", *asked).splitlines()
    assert told == [
        "/etc/edged 750 root:edged",
        f"{installed.CONFIG} 640 root:edged",
        "/etc/edged/credentials 700 root:root",
        "/var/lib/edged 750 edged:edged",
        "/srv/edged 750 edged:edged",
        "/run/edged 755 edged:edged",
        "/opt/edged 755 root:root",
        "/etc/sysctl.d/10-edged.conf 644 root:root",
    ]
    assert box.must("find", "/opt/edged", "-perm", "/go=w", "!", "-type", "l") == ""
    assert box.must("find", "/var/log", "-name", "*edged*") == "", "no log files of its own"


def test_the_sandbox_holds_on_the_real_unit(box: Booted) -> None:
    told = box.must("systemd-analyze", "security", "edged", "--no-pager")
    found = re.search(r"exposure level for edged.service: ([\d.]+)", told)
    assert found is not None
    assert float(found[1]) <= MAX_EXPOSURE


def test_the_journal_explains_what_it_has(box: Booted) -> None:
    told = box.must("journalctl", "--unit=edged", "--catalog", "--no-pager", f"MESSAGE_ID={MessageId.READY}")
    assert "Subject: edged is in service" in told
    assert "edged: ready: 2 cameras" in told


START: Final = "systemctl start edged"


def test_stopped_it_is_told_how_by_whom_it_may_be_known(box: Booted) -> None:
    """By hand; then disabled, after which systemd has forgotten that it ever ran."""
    box.must("systemctl", "stop", "edged")
    for account in ((), installed.STRANGER):
        told = installed.why(box, *account)
        assert (told.cause, told.action, told.since is None) == ("stopped-by-hand", START, False)
        assert installed.doctor_of_daemon(box, *account)[0] == "critical"
    assert any(line.startswith("journal") for line in installed.why(box, *installed.STRANGER).unseen)
    box.must("systemctl", "disable", "edged")
    # Its sandbox shows edged the boot id of the machine, which is not that of the container: another boot, for edgectl.
    told = installed.why(box)
    assert (told.cause, told.action) == ("never-started", "systemctl enable --now edged")
    assert "edged.service is disabled, so nothing starts it at boot" in told.error
    told = installed.why(box, *installed.STRANGER)
    assert "systemd knows of no start" in told.error
    box.must("systemctl", "enable", "edged")
    box.must("systemctl", "start", "edged")


DROP_IN: Final = "etc/systemd/system/edged.service.d/of-a-test.conf"


@contextmanager
def dropped_in(box: Booted, settings: str) -> Iterator[None]:
    """Its unit with other settings; for what begins before it is left."""
    file = box.root / DROP_IN
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"[Service]\n{settings}\n")
    try:
        box.must("systemctl", "daemon-reload")
        yield
    finally:
        file.unlink()
        box.must("systemctl", "daemon-reload")


@pytest.mark.parametrize(
    ("drop_in", "cause", "words"),
    [
        ("Restart=no", "killed", "it was ended by signal 9"),
        ("RestartSec=60", "restarting", "systemd starts it again: it was ended by signal 9"),
        ("Restart=no\nExecStart=\nExecStart=/opt/edged/nowhere", "failed", "script/install brings it back"),
    ],
    ids=["killed", "about to start", "its program is gone"],
)
def test_what_ended_it_is_told_from_its_last_life_alone(box: Booted, drop_in: str, cause: str, words: str) -> None:
    try:
        with dropped_in(box, drop_in):
            if "ExecStart" in drop_in:
                box.call("systemctl", "restart", "edged")
            else:
                box.signal(signal.SIGKILL, installed.main_pid(box))
            wait_until(lambda: installed.main_pid(box) == 0, installed.AGAIN_S, "it has ended", every_s=0.2)
            told = installed.why(box)
            assert told.cause == cause
            assert words in told.error
            assert not [line for line in told.evidence if line.startswith("edged.service: Failed with")]
            if cause == "killed":
                assert words in installed.doctor_of_daemon(box)[1], "doctor says the same"
    finally:
        box.must("systemctl", "reset-failed", "edged")
        box.must("systemctl", "restart", "edged")


def test_killed_it_records_again_within_l1(box: Booted) -> None:
    before = installed.main_pid(box)
    box.signal(signal.SIGKILL, before)
    installed.wait_for_another(box, before, installed.AGAIN_S)
    installed.wait_for_recording(box)
    cause, length_s = installed.gaps(box)[-1]
    assert cause == "daemon-crash"
    assert length_s < installed.AGAIN_S


def test_hung_it_is_restarted_by_the_watchdog(box: Booted, request: pytest.FixtureRequest) -> None:
    with dropped_in(box, f"WatchdogSec={HUNG_S:g}"):
        box.must("systemctl", "restart", "edged")
        installed.wait_for_recording(box)
        before = installed.main_pid(box)
        box.signal(signal.SIGSTOP, before)
        request.getfixturevalue("wheels")  # the power is cut before the upgrade needs them
        installed.wait_for_another(box, before, HUNG_S + installed.AGAIN_S)
        installed.wait_for_recording(box)
    assert "watchdog" in box.must("journalctl", "--unit=edged", "--output=cat", "--lines=60", "--no-pager")


def test_after_a_reboot_it_records_without_a_hand(box: Booted) -> None:
    box.reboot()
    installed.wait_for_recording(box)
    of_this_machine = {"clock.unsynced", "clock.unsynchronised", "storage.slow", "box.load"}  # it has others to serve
    assert installed.alarms(box) <= of_this_machine


def test_after_a_power_loss_it_records_without_a_hand(box: Booted) -> None:
    before = installed.kept(box)
    assert before
    box.cut_power()
    installed.wait_for_recording(box)
    assert before <= installed.kept(box), "what was committed is there"
    found = box.call("edgectl", "fsck", "--level", "hash", "--json")
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(
    "told",
    [
        {"storage.full", "storage.ballast"},
        pytest.param({"storage.full"}, marks=pytest.mark.long),
        pytest.param({"storage.ballast"}, marks=pytest.mark.long),
    ],
    ids=["both", "footage", "system"],
)
def test_a_full_disk_is_an_alarm_and_no_restart(box: Booted, told: set[str]) -> None:
    """That for footage, and that of the system with the catalog, the journal and all else."""
    wait_until(lambda: not installed.told_of_disks(box), NOTICED_S, "what was told of disks is over", every_s=1)
    before, restarts = installed.main_pid(box), box.unit("NRestarts")
    strangers = []
    try:
        strangers += [box.footage.fill()] if "storage.full" in told else []
        strangers += [box.system.fill()] if "storage.ballast" in told else []
        wait_until(lambda: installed.told_of_disks(box) >= told, NOTICED_S, f"alarms tell it: {told}", every_s=1)
        let_run(STEADY_S, lambda: None)
        assert (installed.main_pid(box), box.unit("NRestarts"), box.unit("ActiveState")) == (before, restarts, "active")
    finally:
        for stranger in strangers:
            stranger.unlink()
    installed.wait_for_recording(box, NOTICED_S)
    assert installed.main_pid(box) == before


@pytest.mark.long
def test_a_journal_that_stands_still_holds_nothing_up(box: Booted) -> None:
    """Nobody reads what edged says, more than fits in between: recording and the watchdog do not wait for it."""
    journal = int(box.must("systemctl", "show", "systemd-journald", "--property=MainPID", "--value"))
    before = installed.main_pid(box)
    box.signal(signal.SIGSTOP, journal)
    try:
        box.must("sh", "-c", f"for i in $(seq {LINES}); do kill -HUP {before}; sleep 0.05; done")
        installed.wait_for_recording(box, NOTICED_S)
        let_run(WATCHDOG_S + 5, lambda: None)
        assert installed.main_pid(box) == before
        assert set(installed.states(box).values()) == {"recording"}
    finally:
        box.signal(signal.SIGCONT, journal)
    installed.wait_for_recording(box, NOTICED_S)


def test_run_again_it_changes_nothing(box: Booted) -> None:
    before = installed.main_pid(box)
    done = box.call(installed.INSTALL)
    assert (done.returncode, installed.main_pid(box)) == (0, before)
    assert "building" not in done.stderr


@pytest.fixture(scope="module")
def newer(followed: installed.Followed) -> str:
    """`script/install` of another version."""
    return installed.variant(followed.box, "newer", ("pyproject.toml", 'version = "0.1.0"', 'version = "0.2.0"'))


@pytest.fixture(scope="module")
def gathering(followed: installed.Followed, newer: str) -> Iterator[subprocess.Popen[bytes]]:
    """What docs/install.md says to bring along where there is no network: being gathered by this machine, which has
    one. Takes half a minute, in which tests that wait for other things may go on."""
    gather = [f"{followed.box.root}{newer}", "--gather", f"{followed.box.root}/root/wheels"]
    with subprocess.Popen(gather, env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}) as begun:
        yield begun


@pytest.fixture(scope="module")
def wheels(followed: installed.Followed, gathering: subprocess.Popen[bytes]) -> str:
    assert gathering.wait() == 0
    followed.box.must("sync", "-f", "/root/wheels")  # they are there after a power cut
    return "/root/wheels"


def test_an_upgrade_costs_no_more_than_a_restart(box: Booted, newer: str, wheels: str) -> None:
    """In place, recording, without network or compiler."""
    before = installed.kept(box)
    box.must("systemctl", "restart", "edged")
    installed.wait_for_recording(box)
    _, restart_s = installed.gaps(box)[-1]
    count = len(installed.gaps(box))
    done = box.call("unshare", "--net", newer, "--wheels", wheels)
    assert done.returncode == 0, done.stderr
    installed.wait_for_recording(box)
    known = box.asked("version")
    assert (known["version"], known["reader"]) == ("0.2.0", "compiled")
    assert len(installed.gaps(box)) == count + 1
    _, upgrade_s = installed.gaps(box)[-1]
    assert upgrade_s <= restart_s + UPGRADE_MORE_S, f"a restart takes {restart_s:.1f} s"
    assert before <= installed.kept(box)


def test_a_version_that_cannot_start_is_taken_back(box: Booted) -> None:
    """Though it has brought the database forward, which the old one would refuse."""
    version, before = box.asked("version")["version"], installed.kept(box)
    place = box.must("readlink", "/opt/edged/current")
    broken = installed.built_variant(box, "broken", installed.CANNOT_START, installed.ANOTHER_TABLE)
    done = box.call(broken)
    assert done.returncode == 1
    assert "building" not in done.stderr
    assert re.search(r"does not start or does not record", done.stderr), done.stderr
    assert "nothing was changed: version" in done.stderr.splitlines()[-1]
    assert "runs again" in done.stderr.splitlines()[-1]
    installed.wait_for_recording(box)
    assert (box.asked("version")["version"], box.must("readlink", "/opt/edged/current")) == (version, place)
    assert before <= installed.kept(box)


def test_a_version_that_refuses_the_configuration_is_not_switched_to(box: Booted) -> None:
    """The same with any version: the running daemon is not touched."""
    before, config = installed.main_pid(box), box.root / installed.CONFIG.lstrip("/")
    good = config.read_text()
    config.write_text(good + "\n[nonsense]\n")
    try:
        done = box.call(installed.INSTALL)
    finally:
        config.write_text(good)
    assert done.returncode == 1
    assert "nonsense" in done.stderr
    assert installed.main_pid(box) == before


@pytest.mark.long
def test_taken_away_it_leaves_footage_and_installed_again_it_adopts_it(box: Booted, wheels: str) -> None:
    before = installed.kept(box)
    done = box.call(installed.INSTALL, "--uninstall")
    assert done.returncode == 0, done.stderr
    assert all(place in done.stderr for place in ("/srv/edged", "/var/lib/edged", "/etc/edged"))
    assert before <= installed.kept(box)
    gone = (
        "/opt/edged",
        "/usr/local/bin/edgectl",
        "/etc/systemd/system/edged.service",
        "/etc/sysctl.d/10-edged.conf",
        "/run/edged",
    )
    assert not any(
        (box.root / name.lstrip("/")).is_symlink() or (box.root / name.lstrip("/")).exists() for name in gone
    )
    assert (box.root / "var/lib/edged/edged.db").exists()
    assert box.call(installed.INSTALL, "--wheels", wheels).returncode == 0
    installed.wait_for_recording(box)
    assert before <= installed.kept(box)
    assert box.call("edgectl", "fsck", "--level", "hash").returncode == 0, "each of them is in the catalog"


def test_there_is_no_word_to_take_footage_away(box: Booted) -> None:
    """S14."""
    for word in ("--purge", "--delete", "--uninstall --purge"):
        done = box.call(installed.INSTALL, *word.split())
        assert (done.returncode, "uninstall" in done.stderr) == (64, True)
    assert box.asked("status")["cameras"]
