"""edged as docs/install.md puts it onto a booted box: the page typed in from its top, and what the box then says."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edged.documents import site as documents
from edged.documents.machine import Doctor, StatusDown
from tests.faults.edged.main.booted import PROJECT, VOLUME, Booted
from tests.support.daemon import moment
from tests.support.rtsp_server import REPOSITORY
from tests.support.waiting import TooLateError, wait_until

CONFIG: Final = "/etc/edged/edged.toml"
INSTALL: Final = f"{PROJECT}/script/install"
PAGE: Final = REPOSITORY / "docs/install.md"
FROM_THE_PAGE: Final = "rtsp://10.0.0.11/stream1"
AGAIN_S: Final = 15.0
"""L1: a camera records again within 15 s."""
BUSY_S: Final = 15.0
"""Beside a whole test suite, on two cores."""
NOTICED_S: Final = 100.0
"""What takes a while to be told or to be over, on a busy machine."""
FOREVER: Final = 'min = "31d"'
PATTERN: Final = "test://?size=160x120&fps=5&audio=0"
"""Costs a busy machine little: what the sample has is encoded in HD."""
FITTING: Final = 'min = "1m"'
"""What fits onto a disk of a box of tests: that more is asked for than there is room for would be told."""

CAMERAS: Final = ("test", "lobby")
TOLD_SOON: Final = (
    "edged/alarms/conditions.py",
    'yield "storage.ballast", AlarmCondition(Severity.WARNING, text, action, PATIENCE_S)',
    'yield "storage.ballast", AlarmCondition(Severity.WARNING, text, action, 5.0)',
)
"""That the space kept for the database on a full disk is used up is told after a minute: a test would only wait."""

LOOKS_BRIEFLY: Final = ("recorder/probe.py", "LOOK_S: Final = 10.0", "LOOK_S: Final = 3.0")
"""`edgectl probe`, as `test_probe.py` has it in full: two key frames and a report of the clock come within it."""
STRANGER: Final = ("setpriv", "--init-groups", "--reuid", "wang", "--regid", "wang")
"""Has no role."""
CANNOT_START: Final = (
    "edged/main/daemon.py",
    "            notify.ready(site.one_line())\n",
    '            raise OSError("x")\n',
)
ANOTHER_TABLE: Final = (
    "storage/database/migrations.py",
    '    "0034_leaks": _leaks,\n',
    (  # a step of the database that the running version does not know
        '    "0034_leaks": _leaks,\n'
        '    "9999_later": lambda db: db.execute("CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT"),\n'
    ),
)


def typed(*chapters: str) -> Iterator[str]:
    """The commands of these chapters of the page, in their order; tables of a configuration are not typed."""
    for chapter in chapters:
        text = PAGE.read_text("utf-8").split(f"\n## {chapter}\n")[1].split("\n## ")[0]
        for block in re.findall(r"(?:^    .+\n)+", text, re.MULTILINE):
            if "[[cameras]]" not in block:
                yield from (line.partition("  # ")[0].strip() for line in block.splitlines())


@dataclass
class Followed:
    """The box of somebody who did what the page says, with `url` for a camera; `said`: what each command came to."""

    box: Booted
    url: str
    password: str
    said: dict[str, subprocess.CompletedProcess[str]] = field(default_factory=dict)

    def follow(self) -> None:
        for command in typed("2. The program", "3. The cameras", "4. The configuration"):
            if command.startswith("edgectl config check"):
                self._edit()
            if command == "edgectl status":
                wait_for_recording(self.box)
            words = command.replace(FROM_THE_PAGE, self.url).replace("script/install", INSTALL)
            said = f"{self.password}\n" if "/dev/stdin" in command else None
            done = self.box.call("sh", "-c", words, said=said)
            self.said[" ".join(words.split()[:2])] = done

    def _edit(self) -> None:
        """As a person does it: bounds, a smaller test pattern, and what probe printed last."""
        printed = self.said["edgectl probe"].stdout
        table = re.search(r"^\[\[cameras\]\]\n(?:.+\n)+", printed, re.MULTILINE)
        assert table is not None, printed
        change(self.box, FOREVER, FITTING)
        change(self.box, 'url = "test://"', f'url = "{PATTERN}"')
        with (self.box.root / CONFIG.lstrip("/")).open("a") as config:
            config.write(re.sub('^id = ".*"', 'id = "lobby"', f"\n{table[0]}", flags=re.MULTILINE))
            config.write('\n[recording]\nsegment = "2s"\n')


def change(box: Booted, old: str, new: str) -> None:
    """In the configuration, where `old` stands once."""
    config = box.root / CONFIG.lstrip("/")
    text = config.read_text()
    assert text.count(old) == 1
    config.write_text(text.replace(old, new))


def states(box: Booted) -> Mapping[str, str]:
    """Of its cameras; none while edged does not answer."""
    told = box.asked("status")
    return {one.id: one.state for one in documents.Status.model_validate(told).cameras} if told else {}


def is_recording(box: Booted) -> bool:
    seen = states(box)
    return seen.keys() == set(CAMERAS) and set(seen.values()) == {"recording"}


def kept(box: Booted) -> set[str]:
    """Whole segments on the disk for footage."""
    return {file.name for file in _segments(box)}


def _segments(box: Booted, camera: str = "*") -> list[Path]:
    return list((box.root / VOLUME).glob(f"{camera}/*/*.mp4"))


def newest(box: Booted, camera: str) -> int:
    return max((int(file.stem.rpartition("-")[2]) for file in _segments(box, camera)), default=0)


def wait_for_recording(box: Booted, within_s: float = AGAIN_S + BUSY_S) -> None:
    """Every camera sends pictures, and another segment of each lies on the disk."""
    before = {camera: newest(box, camera) for camera in CAMERAS}

    def records() -> bool:
        """Files first: nothing is asked before there can be something new."""
        return all(newest(box, camera) > last for camera, last in before.items()) and is_recording(box)

    try:
        wait_until(records, within_s, "it records", every_s=0.3)
    except TooLateError as late:
        raise AssertionError(f"{late}; {states(box)}, {alarms(box)}, {box.unit('ActiveState')}") from None


def gaps(box: Booted, camera: str = "test") -> list[tuple[str, float]]:
    """Cause and length of each, in their order; those that touch are one, by the cause of the first."""
    joined: list[tuple[str, float, float]] = []
    for gap in box.asked("gaps", "--from", "-1d", "--camera", camera)["gaps"]:
        start, end = moment(gap["start"]), moment(gap["end"])
        if joined and start - joined[-1][2] < 0.1:
            cause, since, _ = joined.pop()
            joined.append((cause, since, end))
        else:
            joined.append((gap["cause"], start, end))
    return [(cause, end - start) for cause, start, end in joined]


def alarms(box: Booted) -> set[str]:
    told = box.asked("alarms")
    return {alarm["key"].partition(":")[0] for alarm in told["alarms"] if alarm["state"] == "raised"} if told else set()


def told_of_disks(box: Booted) -> set[str]:
    return {key for key in alarms(box) if key.startswith("storage.")}


def main_pid(box: Booted) -> int:
    return int(box.unit("MainPID"))


def wait_for_another(box: Booted, before: int, within_s: float) -> None:
    wait_until(lambda: main_pid(box) not in (0, before), within_s, "another edged runs", every_s=0.2)


def variant(box: Booted, name: str, *changes: tuple[str, str, str]) -> str:
    """Another version of the project: in a file, a text, and what stands there instead. Its script/install."""
    alter(box.copy_project(f"/root/{name}"), *changes)
    return f"/root/{name}/script/install"


def built_variant(box: Booted, name: str, *changes: tuple[str, str, str]) -> str:
    """The same, built already: a copy of the version that runs, with the changes in it. For what comes after."""
    install = variant(box, name, *changes)
    named = f"eval \"$(sed '/^wheels=$/,$d' {install})\"; source=/root/{name}; name_version"
    old = box.must("readlink", "/opt/edged/current").strip().partition("/")[2]
    new = box.must("bash", "-c", named).strip() + ("-compiled" if old.endswith("-compiled") else "")
    copied = f"cd /opt/edged/versions && cp -a {old} {new} && cd {new} && "
    moved = f"grep -rlI {old} bin pyvenv.cfg | xargs sed -i s/{old}/{new}/g"
    box.must("sh", "-c", copied + moved)
    (packages,) = (box.root / "opt/edged/versions" / new / "lib").glob("python3*/site-packages")
    alter(packages, *changes)
    return install


def alter(project: Path, *changes: tuple[str, str, str]) -> None:
    for file, old, new in changes:
        text = (project / file).read_text()
        assert text.count(old) == 1, f"{file} has {old!r} {text.count(old)} times"
        (project / file).write_text(text.replace(old, new))


def why(box: Booted, *account: str) -> StatusDown:
    done = box.call(*account, "edgectl", "status", "--json")
    assert done.returncode == 69, done
    return StatusDown.model_validate_json(done.stdout)


def doctor_of_daemon(box: Booted, *account: str) -> tuple[str, str, str]:
    """Result, words and action of its line for the daemon."""
    document = Doctor.model_validate_json(box.call(*account, "edgectl", "doctor", "--json").stdout)
    line = next(one for one in document.checks if one.name == "daemon")
    return line.result, line.said, line.action
