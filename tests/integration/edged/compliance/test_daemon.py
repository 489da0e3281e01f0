"""The judgement by clause follows the running box: broken by a real deed it flips, and back once it is undone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from edged import overview
from edged.access import role_watch
from edged.health import watch
from edged.site import compliance_watch, office_watch
from edged.words.roles import Role
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon, shortened
from tests.support.people import Town, can_be_others, leave, table

MINUTE_S: Final = 60.0
FLIPS_S: Final = 60.0
START_S: Final = 60.0
SOON: Final = shortened(
    (compliance_watch, "LOOK_EVERY_S", 0.5),
    (role_watch, "LOOK_EVERY_S", 0.5),
    (office_watch, "LOOK_EVERY_S", 0.5),
    (overview, "MEASURE_EVERY_S", 1.0),
    (compliance_watch, "LOOK_EVERY_S", 0.5),
    (role_watch, "LOOK_EVERY_S", 0.5),
    (watch, "ROUND_S", 1.0),
)
LARGE: Final = "test://?size=1280x800&fps=12"
SMALL: Final = "test://?size=1280x720&fps=12"
LISTED: Final = bytes.fromhex(
    "0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff20000000ffffffff"
)
"""A POSIX ACL as the kernel takes it: account 1000 may read."""


class Office(NamedTuple):
    """One box whose roles are groups of this machine."""

    daemon: Daemon
    groups: dict[Role, list[str]]
    town: Town

    def setup(self, url: str = LARGE) -> Setup:
        return Setup(
            [Watched("lobby", url)], segment="2s", floor="31d", ceiling="365d", more=table(self.groups),
            profile="taipei-police",
        )  # fmt: skip


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Each test leaves it as it was."""
    folder = tmp_path_factory.mktemp("compliance")
    folder.chmod(0o750)
    groups = {
        Role.OPERATOR: ["bin"],
        Role.AUTHORITY: ["sys"],
        Role.AUDITOR: ["adm"],
        Role.TECHNICIAN: ["daemon"],
    }  # of every Debian; nobody of people is in them
    with ExitStack() as stack:
        town = stack.enter_context(Town())
        if can_be_others():
            groups = {role: [town.group(role[:4])] for role in groups}
        daemon = Daemon(folder, Setup([]), sabotage=SOON)
        opened = Office(daemon, groups, town)
        daemon.configure(opened.setup())
        stack.enter_context(daemon)
        daemon.wait_for_states("recording", ["lobby"], START_S)
        yield opened


@pytest.fixture
def box(office: Office) -> Daemon:
    return office.daemon


def clause(daemon: Daemon, name: str) -> dict[str, Any]:
    """As it stands; empty while nothing is judged."""
    document = daemon.ask(f"/v1/compliance?clause={name}")
    found: list[dict[str, Any]] = (document or {}).get("compliance", [])
    return found[0] if found else {}


def stands(daemon: Daemon, name: str, status: str, why: str = "") -> dict[str, Any]:
    """The first look at which it does."""

    def look() -> dict[str, Any] | None:
        one = clause(daemon, name)
        told = any(why in fault for fault in one.get("faults", [])) or not why
        return one if one.get("status") == status and told else None

    found = daemon.until(look, FLIPS_S, f"{name} is {status} {why}: {clause(daemon, name)}")
    assert found is not None
    return found


def tells(daemon: Daemon, name: str, why: str, *, no_more: bool = False) -> dict[str, Any]:
    """The first look at which this is among its faults; there may be others."""

    def look() -> dict[str, Any] | None:
        one = clause(daemon, name)
        told = any(why in fault for fault in one.get("faults", []))
        return one if one and told is not no_more else None

    found = daemon.until(look, FLIPS_S, f"{name} tells {why}: {clause(daemon, name)}")
    assert found is not None
    return found


def settled(daemon: Daemon, name: str) -> dict[str, Any]:
    """As it stands once the box knows since when."""

    def look() -> dict[str, Any] | None:
        one = clause(daemon, name)
        return one if one.get("since") else None

    found = daemon.until(look, FLIPS_S + START_S, "everything is measured")
    assert found is not None
    return found


def footage(daemon: Daemon) -> Path:
    """Its first finished segment: root, a technician, is shown no list of them."""
    return daemon.until(daemon.files, START_S, "a segment")[0]


def test_what_breaks_a_clause_is_told_within_a_minute() -> None:
    """The longest way is that of who holds a role: looked at, then judged. All below runs with shorter rounds."""
    for one in (role_watch, office_watch):
        assert one.LOOK_EVERY_S + compliance_watch.LOOK_EVERY_S < MINUTE_S


def test_what_a_person_gets(box: Daemon, tmp_path: Path) -> None:
    stands(box, "P4", "met")
    page = tmp_path / "page.html"
    shown = box.ctl("compliance", "--html", str(page), json_=False)
    assert shown.code in (0, 1)
    assert "駐地安全監視錄影系統設置管理要點" in shown.stdout
    text = page.read_text("utf-8")
    assert "自我聲明" in text
    assert "<script" not in text
    assert box.ctl("compliance", "--html", str(page)).code == 64, "nothing is replaced"
    one = box.ctl("compliance", "--clause", "p4")
    assert (one.code, [c["id"] for c in one.document["compliance"]]) == (0, ["P4"])
    assert one.document["head"] is None or one.document["head"]["size"] > 0
    wrong = box.ctl("compliance", "--clause", "W1")
    assert wrong.code == 64
    assert "P15" in wrong.document["action"]


def test_an_office_that_nobody_opened_and_that_lacks_its_posts(box: Daemon) -> None:
    """Each clause about requests says so; the others do not mind."""
    told = stands(box, "P7", "not-met", "尚未啟用")
    assert any("post list" in fault for fault in told["faults"])
    assert told["basis"] == "enforced"
    assert told["findings"] == []
    assert "尚未啟用" not in str(clause(box, "P4"))
    assert box.ctl("compliance", "close", "P7-115-0001", "--reason", "nothing").code == 77, "root is no auditor"


def test_files_that_others_can_read(box: Daemon) -> None:
    """P12, by mode and by an access list that no mode shows; and since when is kept over a restart."""
    path = footage(box)
    settled(box, "P12")
    path.chmod(0o644)
    broken = tells(box, "P12", str(path))
    box.stop()
    box.start()
    again = settled(box, "P12")
    assert (again["status"], again["since"]) == ("not-met", broken["since"])
    path.chmod(0o640)
    tells(box, "P12", str(path), no_more=True)
    try:
        os.setxattr(path, "system.posix_acl_access", LISTED)
    except OSError:
        return  # a file system without them
    tells(box, "P12", "ACL")
    os.removexattr(path, "system.posix_acl_access")
    tells(box, "P12", "ACL", no_more=True)


def test_a_file_removed_behind_its_back(box: Daemon, tmp_path: Path) -> None:
    """P4 in both its halves; and it is met again once the file is as it was."""
    path = footage(box)
    stands(box, "P4", "met")
    aside = tmp_path / "aside.mp4"
    path.rename(aside)
    told = stands(box, "P4", "not-met", path.name)
    assert any("移除" in fault for fault in told["faults"])
    aside.rename(path)
    stands(box, "P4", "met")


def test_a_picture_that_is_too_small(office: Office, box: Daemon) -> None:
    def small() -> bool:
        return any("圖素" in fault for fault in clause(box, "P3").get("faults", []))

    box.until(lambda: any("1280×800" in words for words in clause(box, "P3").get("evidence", [])), FLIPS_S, "measured")
    assert not small()
    box.reload(office.setup(SMALL))
    box.until(small, FLIPS_S, "1280×720 is too small")
    assert clause(box, "P3")["status"] == "not-met"
    box.reload(office.setup(LARGE))
    box.until(lambda: not small(), FLIPS_S, "1280×800 will do")


def test_a_reload_that_breaks_a_clause_changes_nothing(office: Office, box: Daemon) -> None:
    """An attack in two steps: the profile is taken out of the file first, or the floor is lowered beside it."""
    text = box.config.read_text()
    for worse in (
        text.replace('"31d"', '"7d"'),
        text.replace('"31d"', '"7d"').replace('profile = "taipei-police"\n', ""),
    ):
        box.config.write_text(worse)
        refused = box.ctl("reload")
        assert refused.code == 78
        assert "P4" in refused.document["error"]
        assert box.camera("lobby").floor_s == 31 * 86_400
    box.configure(office.setup())
    box.wait_for_states("recording", ["lobby"])


def test_a_profile_that_is_taken_out_of_the_file_holds(office: Office, box: Daemon) -> None:
    """Over a reload and a start; and the start is none for what falls short of it."""
    text = box.config.read_text().replace('profile = "taipei-police"\n', "")
    box.config.write_text(text)
    told = box.ctl("reload")
    assert (told.code, told.document["restart_needed"]) == (0, [])
    assert "go by no regulation any more (profile taipei-police)" in told.document["warnings"][-1]
    box.stop()
    box.config.write_text(text.replace('"31d"', '"7d"'))
    box.start()
    stands(box, "P4", "met")
    assert box.camera("lobby").floor_s == 31 * 86_400
    box.configure(office.setup())
    assert box.ctl("reload").document["warnings"] == []


@pytest.mark.skipif(not can_be_others(), reason="nobody can be somebody else here: needs root")
def test_an_account_that_is_operator_and_authority(office: Office, box: Daemon) -> None:
    operators, authority = office.groups[Role.OPERATOR], office.groups[Role.AUTHORITY][0]
    office.town.account("chen", operators)
    name = f"{office.town.mark}-chen"
    stands(box, "P6", "met")
    subprocess.run(["gpasswd", "--add", name, authority], check=True)
    stands(box, "P6", "not-met", name)
    leave(office.town, "chen", authority)
    stands(box, "P6", "met")
