"""Who may do what: the table, how an account comes to a role, and that the page says what the guard asks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.access.callers import Route
from edged.api import registers
from edged.api import server as api
from edged.api.server import Control
from edged.cli.main import VERBS, edgectl
from edged.words import roles
from edged.words.catalogue import Reader
from edged.words.roles import ALL, APART, LOCAL, NAMES, TABLE, UNASSIGNED, Record, Role, Verb, resolve
from script.generate import roles_page
from tests.support.roles import guard
from tests.unit.repository.test_cli_docs import commands

PAGE: Final = Path(__file__).parents[4] / "docs" / "roles.md"
OWN: Final = 990
CHEN: Final = 1001
GROUPS: Final = {role: (f"{role}-1", f"{role}-2") for role in Role}


class _Anything:
    """What routes are made of is not called here."""

    def __getattr__(self, name: str) -> Any:
        return _Anything()

    def __call__(self, *_: object) -> Any:
        return _Anything()


def served() -> list[Route]:
    anything = cast("Any", _Anything())
    parts = api.Parts(
        site=anything,
        store=anything,
        clock=anything,
        acts=anything,
        may_ask=anything,
        lookout=anything,
        compliance=anything,
        office=anything,
        copies=anything,
        looks=anything,
        exports=anything,
    )
    return Control(anything, guard(), api.routes(parts)).routes


# --- the table --------------------------------------------------------------------------------------------------------


def test_every_verb_is_served_and_nothing_else() -> None:
    assert {route.verb for route in served()} == set(Verb) == set(TABLE)


def test_every_command_of_edgectl_has_its_line_or_asks_no_daemon() -> None:
    known = {verb.value for verb in Verb} | LOCAL.keys()
    typed = {name for name, _ in commands()} | (VERBS.keys() & known)  # a group may be a verb, too
    typed -= {f"register {name}" for name in registers.KINDS}  # one verb, whichever is read
    assert typed | {"approve ID"} == known
    assert edgectl.name == "edgectl"


def test_no_route_is_there_twice() -> None:
    places = [(route.method, route.path) for route in served()]
    assert len(set(places)) == len(places)


def test_nobody_has_a_verb_to_delete_or_format() -> None:
    """S14, P4: neither the table, nor the API, nor what people type."""
    forbidden = {"delete", "format", "destroy", "erase", "wipe", "purge", "remove", "truncate", "rm"}
    for verb in Verb:
        assert not forbidden & set(re.split(r"[ -]", verb.value.lower())), verb
        assert not any(word in Reader("zh_TW")(TABLE[verb].name) for word in ("刪除", "格式化"))
    for route in served():
        assert route.method in ("GET", "POST")
        assert not forbidden & set(route.path.split("/"))


def test_who_only_reads_changes_nothing() -> None:
    changing = {verb for verb in Verb if TABLE[verb].record in (Record.DONE, Record.MENDED)}
    recording = {Verb.PROOF, Verb.COMPLIANCE_CLOSE, Verb.LEAK_OPEN, Verb.LEAK_REPORT, Verb.LEAK_CLOSE}
    for role in (Role.VIEWER, Role.AUDITOR):
        assert not {verb for verb in changing if role in TABLE[verb].who} - recording


def test_nobody_both_asks_and_approves_by_being_operator() -> None:
    """P6 holds in the table, too: what approves and what an operator asks for lie in different hands."""
    asking = {role for verb in Verb if TABLE[verb].result == "asked" for role in TABLE[verb].who}
    assert TABLE[Verb.APPROVE_ID].who == {Role.AUTHORITY}
    assert Role.OPERATOR in asking
    assert Role.TECHNICIAN not in TABLE[Verb.PIN_LIST].who | TABLE[Verb.APPROVE].who, "it names cases and people"


def test_what_discloses_or_changes_is_on_record() -> None:
    for route in served():
        rule = TABLE[route.verb]
        assert (rule.record is Record.NONE) <= (route.method == "GET"), route
        assert (route.method == "GET") <= (rule.record in (Record.NONE, Record.SEEN, Record.LISTED)), route
        assert (rule.result == "asked") == (rule.record is Record.ASKED)
        assert (rule.result == "approved") <= (rule.record in (Record.DONE, Record.MENDED))


# --- an account's roles -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("number", [0, 1])
def test_any_of_its_groups_gives_a_role(role: Role, number: int) -> None:
    assert resolve(CHEN, OWN, [GROUPS[role][number]], GROUPS).roles == {role}


@given(st.sets(st.sampled_from([group for groups in GROUPS.values() for group in groups]) | st.text(max_size=3)))
def test_roles_are_those_of_the_groups_and_never_operator_with_authority(groups: set[str]) -> None:
    held = {role for role in Role if set(GROUPS[role]) & groups}
    found = resolve(CHEN, OWN, groups, GROUPS)
    assert found.roles == (held - APART if held >= APART else held)
    assert found.clashes == (held >= APART)
    assert not found.roles >= APART
    for verb in Verb:
        allowed = found.under(verb)
        assert (allowed is not None) == bool(found.roles & TABLE[verb].who)
        assert allowed is None or Role(allowed) in found.roles & TABLE[verb].who


@pytest.mark.parametrize("uid", [0, OWN])
def test_root_may_all_until_there_are_roles_and_is_a_technician_then(uid: int) -> None:
    before = resolve(uid, OWN, [], None)
    assert {before.under(verb) for verb in Verb} == {UNASSIGNED}
    after = resolve(uid, OWN, [group for groups in GROUPS.values() for group in groups], GROUPS)
    assert after.roles == {Role.TECHNICIAN}
    assert not after.clashes


def test_nobody_else_may_anything_until_there_are_roles() -> None:
    nobody = resolve(CHEN, OWN, [GROUPS[Role.AUTHORITY][0]], None)
    assert [verb for verb in Verb if nobody.under(verb) is not None] == []


# --- what is said -----------------------------------------------------------------------------------------------------


def test_a_refusal_says_which_role_it_takes_and_who_has_it() -> None:
    what, action = roles.refusal(Verb.APPROVE_ID, "chen", resolve(CHEN, OWN, [], GROUPS), GROUPS)
    assert what == "chen may not `approve ID`: it takes the role authority (權限管理者)"
    assert "authority-1 authority-2" in action
    nobody = {**GROUPS, Role.AUTHORITY: ()}
    assert "no group has it" in roles.refusal(Verb.APPROVE_ID, "chen", resolve(CHEN, OWN, [], nobody), nobody)[1]


def test_who_is_both_is_told_that_this_is_why() -> None:
    both = resolve(CHEN, OWN, ["operator-1", "authority-2"], GROUPS)
    assert "neither" in roles.refusal(Verb.PIN_ADD, "chen", both, GROUPS)[0]
    assert "neither" not in roles.refusal(Verb.VOLUME_INIT, "chen", both, GROUPS)[0], "it would not help"


def test_without_roles_it_is_said_who_may() -> None:
    what, action = roles.refusal(Verb.STATUS, "chen", resolve(CHEN, OWN, [], None), None)
    assert "only root" in what
    assert "sudo" in action


def test_every_role_and_verb_has_its_words() -> None:
    assert NAMES.keys() == roles.CLAUSES.keys() == ALL
    assert all(rule.name.code and rule.who for rule in TABLE.values())
    known = re.findall(r"\b([WJPDN]\d+)\b", (PAGE.parent.parent / "docs" / "roles.md").read_text("utf-8"))
    assert {"P4", "P5", "P6", "P14"} <= set(known)


def test_the_committed_page_is_that_of_the_code() -> None:
    assert PAGE.read_text("utf-8") == roles_page.rendered(), "run script/roles"
