"""Profiles say what the texts say, and refuse, clause by clause, what falls short of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

from edged.config.load import check, load
from edged.config.problem import ConfigError, ConfigMistake
from edged.profiles.loader import PROFILES, ProfileClause, profile

ROOT: Final = Path(__file__).parents[4]
TEXTS: Final = ROOT / "tests" / "support" / "regulations"
CLAUSES: Final = {
    "wenshan-household": [f"W{n}" for n in range(1, 11)],
    "jiancheng-land": [f"J{n}" for n in range(1, 15)],
    "taipei-police": [f"P{n}" for n in range(1, 16)],
    "dahu-township": [f"D{n}" for n in range(1, 10)],
    "nangang-school": [f"N{n}" for n in range(1, 11)],
}
EVERY: Final = [(name, clause) for name in PROFILES for clause in profile(name).clauses]
ROLES: Final = """
[roles]
operator = ["cctv"]
authority = ["chiefs"]
auditor = ["ethics"]
technician = ["logistics"]
"""
MEETS: Final = {
    "wenshan-household": ('min = "31d"\nmax = "365d"', "", ""),
    "jiancheng-land": ('min = "92d"\nmax = "365d"', "", ""),
    "taipei-police": ('min = "31d"\nmax = "365d"', "", ROLES),
    "dahu-township": ('min = "1d"\nmax = "4000d"\non_full = "overwrite"', "", ""),
    "nangang-school": ('min = "30d"\nmax = "365d"', "", '[pins]\ndefault = "30d"'),
}
"""Of each profile, what just meets it: [retention], a camera's own keys, further tables."""
BREAKS: Final = [
    ("wenshan-household", "W1", ('min = "30d"\nmax = "365d"', "", ""), "retention.min"),
    ("wenshan-household", "W1", ('min = "31d"\nmax = "365d"\non_full = "overwrite"', "", ""), "retention.on_full"),
    (
        "wenshan-household",
        "W1",
        ('min = "31d"\nmax = "365d"', 'retention = { min = "7d" }', ""),
        "cameras.lobby.retention.min",
    ),
    ("jiancheng-land", "J4", ('min = "91d"\nmax = "365d"', "", ""), "retention.min"),
    ("jiancheng-land", "J4", ('min = "92d"\nmax = "400d"', "", ""), "retention.max"),
    (
        "jiancheng-land",
        "J4",
        ('min = "92d"\nmax = "365d"', 'retention = { max = "2000d" }', ""),
        "cameras.lobby.retention.max",
    ),
    ("jiancheng-land", "J4", ('min = "92d"\nmax = "365d"\non_full = "overwrite"', "", ""), "retention.on_full"),
    (
        "taipei-police",
        "P2",
        ('min = "31d"\nmax = "365d"', "duty_desk = true\nexpect = { audio = false }", ROLES),
        "cameras.lobby.expect.audio",
    ),
    (
        "taipei-police",
        "P3",
        ('min = "31d"\nmax = "365d"', "expect = { height = 719 }", ROLES),
        "cameras.lobby.expect.height",
    ),
    (
        "taipei-police",
        "P3",
        ('min = "31d"\nmax = "365d"', "expect = { width = 1280, height = 720 }", ROLES),
        "cameras.lobby.expect.width",
    ),
    (
        "taipei-police",
        "P3",
        ('min = "31d"\nmax = "365d"', "expect = { fps = 9.9 }", ROLES),
        "cameras.lobby.expect.fps",
    ),
    (
        "taipei-police",
        "P3",
        ('min = "31d"\nmax = "365d"', "expect = { pixels = 999_999 }", ROLES),
        "cameras.lobby.expect.pixels",
    ),
    (
        "taipei-police",
        "P3",
        ('min = "31d"\nmax = "365d"', "expect = { colour = false }", ROLES),
        "cameras.lobby.expect.colour",
    ),
    ("taipei-police", "P4", ('min = "30d"\nmax = "365d"', "", ROLES), "retention.min"),
    ("taipei-police", "P4", ('min = "31d"\nmax = "365d"\non_full = "overwrite"', "", ROLES), "retention.on_full"),
    (
        "taipei-police",
        "P5",
        ('min = "31d"\nmax = "365d"', "", ROLES.replace('operator = ["cctv"]', "operator = []")),
        "roles.operator",
    ),
    (
        "taipei-police",
        "P6",
        ('min = "31d"\nmax = "365d"', "", ROLES.replace('["chiefs"]', '["chiefs", "cctv"]')),
        "roles.authority",
    ),
    ("taipei-police", "P13", ('min = "31d"\nmax = "366d"', "", ROLES), "retention.max"),
    (
        "taipei-police",
        "P14",
        ('min = "31d"\nmax = "365d"', "", ROLES.replace('auditor = ["ethics"]', "auditor = []")),
        "roles.auditor",
    ),
    (
        "taipei-police",
        "P14",
        ('min = "31d"\nmax = "365d"', "", ROLES.replace('"ethics"', '"logistics"')),
        "roles.auditor",
    ),
    ("dahu-township", "D2", ('max = "365d"', "", ""), "retention.min"),
    ("dahu-township", "D2", ('min = "31d"', "", ""), "retention.max"),
    ("nangang-school", "N2", ('min = "30d"\nmax = "365d"', "", '[pins]\ndefault = "31d"'), "pins.default"),
    ("nangang-school", "N4", ('min = "29d"\nmax = "365d"', "", ""), "retention.min"),
    ("nangang-school", "N4", ('min = "30d"\nmax = "366d"', "", ""), "retention.max"),
    ("nangang-school", "N4", ('min = "30d"\nmax = "365d"\non_full = "overwrite"', "", ""), "retention.on_full"),
]


def written(folder: Path, name: str | None, parts: tuple[str, str, str]) -> Path:
    retention, camera, more = parts
    chosen = f'profile = "{name}"' if name else ""
    path = folder / "edged.toml"
    path.write_text(
        f'[site]\nnode = "n"\noffice = "o"\nname = "N"\n{chosen}\n[retention]\n{retention}\n{more}\n'
        f'[[cameras]]\nid = "lobby"\nurl = "test://"\n{camera}\n',
        "utf-8",
    )
    return path


def bare(text: str) -> str:
    """Without what a page breaks lines with: blanks, and the dash of a list that was made of each point."""
    return re.sub(r"\s+", "", re.sub(r"^- (?=[一二三四五六七八九十(,])", "", text, flags=re.MULTILINE))


@pytest.mark.parametrize("name", PROFILES)
def test_every_clause_is_there_once(name: str) -> None:
    assert [clause.id for clause in profile(name).clauses] == CLAUSES[name]


@pytest.mark.parametrize(("name", "clause"), EVERY, ids=lambda one: one if isinstance(one, str) else one.id)
def test_a_clause_is_in_its_own_words_and_says_how_it_is_looked_at(name: str, clause: ProfileClause) -> None:
    text = bare((TEXTS / f"{name}.txt").read_text("utf-8"))
    for words in clause.words:
        assert words
        assert bare(words) in text
    assert clause.judged or clause.by_hand or clause.not_built


def test_words_that_are_not_in_the_text_are_found() -> None:
    """Negative control."""
    text = bare((TEXTS / "wenshan-household.txt").read_text("utf-8"))
    (words,) = profile("wenshan-household").clauses[0].words
    assert bare(words.replace("1個月", "2個月")) not in text


@pytest.mark.parametrize("name", PROFILES)
def test_what_meets_all_clauses_is_accepted(name: str, tmp_path: Path) -> None:
    problems, _ = check(written(tmp_path, name, MEETS[name]), {})
    assert problems == []


@pytest.mark.parametrize(("name", "clause", "parts", "key"), BREAKS)
def test_what_breaks_one_clause_is_refused_and_names_it(
    name: str, clause: str, parts: tuple[str, str, str], key: str, tmp_path: Path
) -> None:
    """Key, clause, its words, and what to write instead; and no other clause is accused."""
    found = [one for one in check(written(tmp_path, name, parts), {})[0] if "「" in one.problem]
    assert {(named(one), one.key) for one in found} == {(clause, key)}
    (words,) = (one.words for one in profile(name).clauses if one.id == clause)
    assert all(words[0] in one.problem and one.instead for one in found)
    if clause not in ("D2", "P6"):
        without, _ = check(written(tmp_path, None, parts), {})
        assert without == [], "it is the profile that refuses it"


def test_a_ceiling_names_what_it_rests_on_and_not_the_words_that_bound_the_floor(tmp_path: Path) -> None:
    """W1 says how long footage is kept at the least; the longest comes with the law that the sixth article calls in."""
    parts = ('min = "31d"\nmax = "2000d"', "", "")
    (problem,) = check(written(tmp_path, "wenshan-household", parts), {})[0]
    assert (problem.key, problem.instead) == ("retention.max", 'max = "365d" or less')
    assert "第六點" in problem.problem
    assert "1個月" not in problem.problem
    assert check(written(tmp_path, None, parts), {})[0] == [], "it is the profile that refuses it"


@pytest.mark.parametrize(("name", "clause"), EVERY, ids=lambda one: one if isinstance(one, str) else one.id)
def test_what_a_ceiling_rests_on_is_quoted_from_the_text(name: str, clause: ProfileClause) -> None:
    text = bare((TEXTS / f"{name}.txt").read_text("utf-8"))
    assert all(bare(words) in text for words in re.findall(r"「([^」]+)」", clause.demands.ceiling_by))
    assert bool(clause.demands.ceiling_by) == ("「" in clause.demands.ceiling_by)


def named(problem: ConfigMistake) -> str:
    found = re.search(r"（([A-Z][0-9]+)）：「", problem.problem)
    assert found
    return found[1]


def test_every_clause_with_a_demand_is_broken_by_some_test() -> None:
    demanding = {
        (name, clause.id)
        for name, clause in EVERY
        if clause.demands.model_dump(exclude={"inspection", "crossing"}, exclude_defaults=True)
    }
    assert demanding == {(name, clause) for name, clause, _, _ in BREAKS}


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    parts = ('min = "7d"\nmax = "999d"\non_full = "overwrite"', 'expect = { fps = 1 }\nretention = { min = "1d" }', "")
    found, _ = check(written(tmp_path, "taipei-police", parts), {})
    assert {"P3", "P4", "P5", "P13", "P14"} == {named(one) for one in found}


def test_the_profile_that_a_daemon_runs_under_is_kept_to_by_a_reload(tmp_path: Path) -> None:
    path = written(tmp_path, None, ('min = "7d"\nmax = "365d"', "", ""))
    assert load(path, {}).site.profile is None
    with pytest.raises(ConfigError, match="J4"):
        load(path, {}, in_force="jiancheng-land")


def test_a_duty_desk_is_heard_without_saying_so(tmp_path: Path) -> None:
    path = written(tmp_path, "taipei-police", ('min = "31d"\nmax = "365d"', "duty_desk = true", ROLES))
    (camera,) = load(path, {}).cameras
    assert camera.expect.audio is True
    path = written(tmp_path, "taipei-police", ('min = "31d"\nmax = "365d"', "", ROLES))
    assert load(path, {}).cameras[0].expect.audio is None


@pytest.mark.parametrize("wrong", ['default = "31x"', "default = 3", 'min = "9d"'])
def test_what_cannot_be_read_is_told_once_and_hides_nothing(wrong: str, tmp_path: Path) -> None:
    path = written(tmp_path, "nangang-school", ('min = "29d"\nmax = "365d"', "", f"[pins]\n{wrong}"))
    found, _ = check(path, {})
    assert sorted(one.key.partition(".")[0] for one in found) == ["pins", "retention"]


def test_profiles_are_installed_with_the_rest() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    assert setuptools["package-data"]["edged.profiles"] == ["*.toml"]
    assert sorted(path.stem for path in (ROOT / "edged" / "profiles").glob("*.toml")) == sorted(PROFILES)
