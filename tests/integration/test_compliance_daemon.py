"""The judgement by clause follows the running box: broken by a real deed it flips within a minute, and back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from edged.words.roles import Role
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.people import Town, can_be_others, leave, table

FLIPS_S: Final = 60.0
START_S: Final = 60.0
GROUPS: Final = {
    Role.OPERATOR: ["bin"],
    Role.AUTHORITY: ["sys"],
    Role.AUDITOR: ["adm"],
    Role.TECHNICIAN: ["daemon"],
}
"""Of every Debian; nobody of people is in them."""
LARGE: Final = "test://?size=1280x800&fps=12"
SMALL: Final = "test://?size=1280x720&fps=12"
LISTED: Final = bytes.fromhex(
    "0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff20000000ffffffff"
)
"""A POSIX ACL as the kernel takes it: account 1000 may read."""


@dataclass(frozen=True, slots=True)
class Profiled(Setup):
    profile: str = "taipei-police"

    def toml(self, *, state: Path, socket: Path, volume: Path) -> str:
        plain = Setup.toml(self, state=state, socket=socket, volume=volume)
        return plain.replace("[site]\n", f'[site]\nprofile = "{self.profile}"\n', 1)


def setup(url: str = LARGE, groups: dict[Role, list[str]] = GROUPS) -> Profiled:
    return Profiled([Watched("lobby", url)], segment="2s", floor="31d", ceiling="365d", more=table(groups))


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Daemon]:
    tmp_path.chmod(0o750)
    with Daemon(tmp_path, setup()) as daemon:
        daemon.wait_for_states("recording", ["lobby"], START_S)
        yield daemon


def clause(daemon: Daemon, name: str) -> dict[str, Any]:
    """As it stands; empty while nothing is judged."""
    document = daemon.ask(f"/v1/compliance?clause={name}")
    found: list[dict[str, Any]] = (document or {}).get("compliance", [])
    return found[0] if found else {}


def stands(daemon: Daemon, name: str, status: str, why: str = "") -> dict[str, Any]:
    """The first look at which it does, within a minute."""

    def look() -> dict[str, Any] | None:
        one = clause(daemon, name)
        told = any(why in fault for fault in one.get("faults", [])) or not why
        return one if one.get("status") == status and told else None

    found = daemon.until(look, FLIPS_S, f"{name} is {status} {why}: {clause(daemon, name)}")
    assert found is not None
    return found


def footage(daemon: Daemon) -> Path:
    """Its first finished segment: root, a technician, is shown no list of them."""
    return daemon.until(daemon.files, START_S, "a segment")[0]


def test_files_that_others_can_read(box: Daemon) -> None:
    """P12, by mode and by an access list that no mode shows; and since when is kept over a restart."""
    path = footage(box)
    stands(box, "P12", "met")
    path.chmod(0o644)
    broken = stands(box, "P12", "not-met", str(path))
    box.stop()
    box.start()

    def settled() -> dict[str, Any] | None:
        one = clause(box, "P12")
        return one if one.get("since") else None

    again = box.until(settled, FLIPS_S + START_S, "settled again")
    assert again is not None
    assert (again["status"], again["since"]) == ("not-met", broken["since"] or again["since"])
    path.chmod(0o640)
    stands(box, "P12", "met")
    try:
        os.setxattr(path, "system.posix_acl_access", LISTED)
    except OSError:
        return  # a file system without them
    stands(box, "P12", "not-met", "ACL")
    os.removexattr(path, "system.posix_acl_access")
    stands(box, "P12", "met")


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


def test_a_picture_that_is_too_small(box: Daemon) -> None:
    def small() -> bool:
        return any("圖素" in fault for fault in clause(box, "P3").get("faults", []))

    box.until(lambda: any("1280×800" in words for words in clause(box, "P3").get("evidence", [])), FLIPS_S, "measured")
    assert not small()
    box.configure(setup(SMALL))
    assert box.ctl("reload").code == 0
    box.until(small, FLIPS_S, "1280×720 is too small")
    assert clause(box, "P3")["status"] == "not-met"
    box.configure(setup(LARGE))
    assert box.ctl("reload").code == 0
    box.until(lambda: not small(), FLIPS_S, "1280×800 will do")


def test_a_reload_that_breaks_a_clause_changes_nothing(box: Daemon) -> None:
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
    box.wait_for_states("recording", ["lobby"])


def test_what_a_person_gets(box: Daemon, tmp_path: Path) -> None:
    stands(box, "P12", "met")
    page = tmp_path / "page.html"
    shown = box.ctl("compliance", "--html", str(page), json_=False)
    assert shown.code in (0, 1)
    assert "駐地安全監視錄影系統設置管理要點" in shown.stdout
    text = page.read_text("utf-8")
    assert "自我聲明" in text
    assert "<script" not in text
    assert box.ctl("compliance", "--html", str(page)).code == 64, "nothing is replaced"
    one = box.ctl("compliance", "--clause", "p12")
    assert (one.code, [c["id"] for c in one.document["compliance"]]) == (0, ["P12"])
    assert one.document["head"] is None or one.document["head"]["size"] > 0
    wrong = box.ctl("compliance", "--clause", "W1")
    assert wrong.code == 64
    assert "P15" in wrong.document["action"]


@pytest.mark.skipif(not can_be_others(), reason="nobody can be somebody else here: needs root")
def test_an_account_that_is_operator_and_authority(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    with Town() as town:
        groups: dict[Role, list[str]] = {role: [town.group(role[:4])] for role in Role if role is not Role.VIEWER}
        name = f"{town.mark}-chen"
        town.account("chen", groups[Role.OPERATOR])
        with Daemon(tmp_path, setup(groups=groups)) as daemon:
            daemon.wait_for_states("recording", ["lobby"], START_S)
            stands(daemon, "P6", "met")
            subprocess.run(["gpasswd", "--add", name, groups[Role.AUTHORITY][0]], check=True)
            stands(daemon, "P6", "not-met", name)
            leave(town, "chen", groups[Role.AUTHORITY][0])
            stands(daemon, "P6", "met")
