"""Keys of the centre are granted verbs as groups are granted roles, and a profile holds: not by who edits the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from edged.config.load import load
from edged.config.loosened_bounds import granted, sentence, tightened, under, wished_by
from edged.config.model import Config
from mqtt.commands import Verb
from storage.retention.bounds import ApprovedLimits, holding, loosenings
from storage.retention.bounds import granted as agreed_upon
from tests.support.commanding import Desk
from tests.support.configuration import Setup, Watched

NOC, OTHER = Desk(), Desk("night-desk")
ROLES = '[roles]\nauthority = ["chiefs"]\noperator = ["cctv"]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def configured(folder: Path, *tables: str) -> Config:
    path = folder / "edged.toml"
    setup = Setup([], mqtt_port=1883, more="".join(tables))
    path.write_text(setup.toml(state=folder / "state", socket=folder / "socket", volume=folder / "volume"))
    return load(path, {})


def held(agreed: ApprovedLimits, wished: Config) -> tuple[Config, str]:
    now = holding(agreed, wished_by(wished))
    return under(wished, now), sentence([*loosenings(now, wished_by(wished))])


def test_a_key_waits_for_a_second_person(folder: Path) -> None:
    before = configured(folder, ROLES)
    wished = configured(folder, ROLES, NOC.table(Verb.PIN, Verb.STATUS))
    now, waits = held(wished_by(before), wished)
    key = f"{NOC.name} ({wished.commanders[0].key}, without an end)"
    assert (now.commanders, waits) == ([], f"let {key} command pin, status")
    after, waits = held(agreed_upon(wished_by(before), wished_by(wished)), wished)
    assert (after, waits) == (wished, "")
    assert [*granted(before, after)] == [f"{key} may command {verb}" for verb in ("pin", "status")]


def test_one_more_verb_waits_and_one_less_holds_at_once(folder: Path) -> None:
    agreed = wished_by(configured(folder, ROLES, NOC.table(Verb.STATUS, Verb.REBIRTH)))
    now, waits = held(agreed, configured(folder, ROLES, NOC.table(Verb.STATUS, Verb.PIN)))
    assert [one.verbs for one in now.commanders] == [["status"]]
    assert waits.endswith("command pin")


def test_another_key_under_the_same_name_waits(folder: Path) -> None:
    agreed = wished_by(configured(folder, ROLES, NOC.table(Verb.PIN)))
    now, waits = held(agreed, configured(folder, ROLES, Desk(NOC.name).table(Verb.PIN)))
    assert now.commanders == []
    assert "command pin" in waits


def test_another_last_day_waits(folder: Path) -> None:
    ended = NOC.table(Verb.STATUS) + "until = 2020-01-31\n"
    now, waits = held(wished_by(configured(folder, ROLES, ended)), configured(folder, ROLES, NOC.table(Verb.STATUS)))
    assert now.commanders == []
    assert "without an end) command status" in waits


def test_a_key_that_is_taken_out_holds_no_more_at_once(folder: Path) -> None:
    both = wished_by(configured(folder, ROLES, NOC.table(Verb.PIN), OTHER.table(Verb.PIN)))
    now, waits = held(both, configured(folder, ROLES, OTHER.table(Verb.PIN)))
    assert ([one.name for one in now.commanders], waits) == ([OTHER.name], "")


def test_where_nobody_holds_a_role_keys_need_nobody_either(folder: Path) -> None:
    agreed = wished_by(configured(folder))
    wished = configured(folder, NOC.table(Verb.PIN))
    assert held(agreed, wished) == (wished, "")
    closed, waits = held(agreed, configured(folder, ROLES, NOC.table(Verb.PIN)))
    assert ([one.name for one in closed.commanders], waits) == ([NOC.name], "")


def named(folder: Path, profile: str | None) -> Config:
    plain = configured(folder)
    return plain.model_copy(update={"site": plain.site.model_copy(update={"profile": profile})})


@pytest.mark.parametrize(
    ("wished", "words"),
    [
        (None, "go by no regulation any more (profile taipei-police)"),
        ("nangang-school", "go by another regulation (profile nangang-school in place of taipei-police)"),
    ],
)
def test_a_profile_that_is_dropped_or_changed_waits(folder: Path, wished: str | None, words: str) -> None:
    before, after = named(folder, "taipei-police"), named(folder, wished)
    assert held(wished_by(before), after) == (before, words)
    assert held(agreed_upon(wished_by(before), wished_by(after)), after) == (after, "")


def test_the_first_profile_holds_at_once_and_that_is_told(folder: Path) -> None:
    none, first = named(folder, None), named(folder, "taipei-police")
    assert held(wished_by(none), first) == (first, "")
    (told,) = tightened(none, first)
    assert told.endswith("takes two persons to go by no regulation any more (profile taipei-police) again")


def test_a_profile_that_this_version_does_not_know_cannot_be_kept_to(folder: Path) -> None:
    file = named(folder, "taipei-police")
    now, waits = held(wished_by(named(folder, "of-tomorrow")), file)
    assert (now, "of-tomorrow" in waits) == (file, True)


def test_a_bound_that_is_tightened_is_told_for_it_is_not_taken_back_alone(folder: Path) -> None:
    before = bounded(folder, "31d", "365d", "lobby", "gate")
    after = bounded(folder, "40d", "100d", "lobby", "yard")
    assert [*tightened(before, before)] == []
    assert [*tightened(after, before)] == [], "that waits for a second person"
    (told,) = tightened(before, after)
    assert told == (
        "holds from now on, and it takes two persons to lower the floor of the site from 40d to 31d; "
        "raise the ceiling of the site from 100d to 365d again"
    )


def bounded(folder: Path, floor: str, ceiling: str, *cameras: str) -> Config:
    path = folder / "edged.toml"
    setup = Setup([Watched(name, "test://") for name in cameras], floor=floor, ceiling=ceiling)
    path.write_text(setup.toml(state=folder / "state", socket=folder / "socket", volume=folder / "volume"))
    return load(path, {})
