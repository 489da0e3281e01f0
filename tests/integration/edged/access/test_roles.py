"""Every cell of the table of roles and verbs, over the real socket, by processes that really are those accounts.

And what the table cannot say: groups are what the system has now, persons are logins, and sudo makes no second one.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from edged.access import role_watch
from edged.words.roles import APART, TABLE, Record, Role, Verb
from edged.words.units import parse_duration
from tests.integration.edged.access.peopled import CAMERA, START_S, Office, opened
from tests.support.configuration import Setup
from tests.support.daemon import shortened
from tests.support.people import Answer, Call, Town, can_be_others, leave
from tests.support.waiting import wait_until
from tests.unit.edged.words.test_roles import served

pytestmark = pytest.mark.skipif(not can_be_others(), reason="nobody can be somebody else here: needs root")

NAMED: Final = {
    "pin": "P-20260501-2222",
    "act": "A-22222",
    "export": "E-20260501-2222",
    "fault": "F-20260501-2222",
    "camera": "nowhere",
    "request": "115-9999",
    "person": "9999",
    "scan": "1",
    "paper": "form",
    "register": "viewings",
    "leak": "L-115-9999",
}
CALLS: Final = [(route.verb, Call(route.method, route.path.format(**NAMED), "{}")) for route in served()]
"""Each route once. Nothing comes of them where they are allowed: what they are about is not there, or not said."""
SHOWS_NOTHING: Final = {Verb.SNAPSHOT, Verb.COMPLIANCE, Verb.REQUEST_VIEW, Verb.REQUEST_COPY, Verb.LOOK}
"""There is no such camera and no profile here: what would only show something is refused before it is on record."""
ALARM_S: Final = 70.0
SOON: Final = shortened((role_watch, "LOOK_EVERY_S", 1.0))
"""Groups are looked through each second."""


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with Town() as town:
        groups = {role: [town.group(f"{role[:4]}{n}") for n in (1, 2)] for role in Role}
        people: dict[str, int] = {role: town.account(role[:4], [groups[role][1]]) for role in Role}
        people["other"] = town.account("other", groups[Role.AUTHORITY][:1], own=groups[Role.VIEWER][0])
        both = [groups[Role.OPERATOR][0], groups[Role.VIEWER][1]]
        people["both"] = town.account("both", both, own=groups[Role.AUTHORITY][1])
        people["nobody"] = town.account("nobody", [])
        people["root"] = 0
        with opened(town, people, groups, sabotage=SOON) as with_people:
            yield with_people


def held_by(who: str) -> set[Role]:
    """What the fixture says of them."""
    known = {"other": {Role.VIEWER, Role.AUTHORITY}, "both": {Role.VIEWER}, "nobody": set(), "root": {Role.TECHNICIAN}}
    return known[who] if who in known else {Role(who)}


@pytest.mark.parametrize("who", [*Role, "other", "both", "nobody", "root"])
def test_every_cell_of_the_table(office: Office, who: str) -> None:
    """By hundreds of calls; each that is not allowed names a role that would be."""
    answers = office.ask(who, *(call for _, call in CALLS))
    for (verb, call), answer in zip(CALLS, answers, strict=True):
        allowed = not held_by(who).isdisjoint(TABLE[verb].who)
        assert answer.status != 500, (call, answer)
        if allowed:
            assert not answer.refused, f"{who} may {verb}: {answer}"
        else:
            assert (answer.status, answer.refused) == (403, True), f"{who} may not {verb}: {answer}"
            told = answer.document["error"] + answer.document["action"]
            assert (
                "neither role" in told
                if who == "both" and TABLE[verb].who & APART
                else any(role in told for role in TABLE[verb].who)
            )


def test_groups_are_what_the_system_has_and_not_what_a_process_claims(office: Office) -> None:
    """The callers claim no group at all; and whoever is taken out of one may no more from the next call on."""
    name, group = "leaver", office.groups[Role.OPERATOR][0]
    office.people[name] = office.town.account(name, [group])
    assert office.ask(name, Call("GET", "/v1/pins"))[0].status == 200
    leave(office.town, name, group)
    assert office.ask(name, Call("GET", "/v1/pins"))[0].refused


def test_whoever_is_operator_and_authority_is_an_alarm_and_recording_goes_on(office: Office) -> None:
    assert office.ask("both", Call("GET", "/v1/status"))[0].status == 200, "a viewer all the same"
    wait_until(lambda: "roles.clash" in office.alarms(), ALARM_S, "an alarm for who is both")
    assert f"{office.town.mark}-both" in office.alarms()["roles.clash"]
    office.daemon.wait_for_states("recording", ["lobby"])


def test_what_loosens_a_bound_takes_two_persons(office: Office) -> None:
    office.daemon.configure(office.setup(floor="30s", ceiling="2h"))
    reload, authority = Call("POST", "/v1/reload"), str(Role.AUTHORITY)
    assert asked_in(office.ask("root", reload, login=None)[0]) is None, "nobody knows who that was"
    act = asked_in(office.ask("root", reload, login=authority)[0])
    assert act is not None
    assert office.floor() == 60
    wait_until(lambda: "retention.loosening" in office.alarms(), 10, "an alarm")
    approve = Call("POST", f"/v1/acts/{act}/approve")
    for who, login in [
        (authority, ""),  # who reloaded, as himself
        ("root", authority),  # again by sudo
        ("other", authority),  # he has the password of another authority, and su keeps the login
        ("other", None),  # what a service does for another authority
        (str(Role.OPERATOR), ""),
        (str(Role.TECHNICIAN), ""),
        ("both", ""),
    ]:
        assert office.ask(who, approve, login=login)[0].refused, (who, login)
        assert office.floor() == 60
    stale = office.ask("auditor", Call("GET", "/v1/acts"))[0].document
    assert ([one["id"] for one in stale["acts"]], stale["ended"]) == ([act], [])
    office.daemon.configure(office.setup(floor="40s", ceiling="2h"))
    other = asked_in(office.ask("root", reload, login=authority)[0])
    told = office.ask("auditor", Call("GET", "/v1/acts"))[0].document
    assert ([one["id"] for one in told["acts"]], [one["id"] for one in told["ended"]]) == ([other], [act])
    assert "was changed since" in told["ended"][0]["ended"]
    assert "waits no longer" in office.ask("other", approve)[0].document["error"]
    office.daemon.configure(office.setup(floor="30s", ceiling="2h"))
    assert asked_in(office.ask("root", reload, login=authority)[0]) == act, "the same again is the same"
    answer = office.ask("other", approve)[0]
    assert answer.status == 200, answer
    told = office.ask("auditor", Call("GET", "/v1/acts"))[0].document
    assert (told["acts"], [one["id"] for one in told["ended"]]) == ([], [other])
    assert "lower the floor of the site from 1m to 30s" in answer.document["done"]["sentence"]
    wait_until(lambda: office.floor() == 30, 10, "what was approved holds")

    office.daemon.stop()
    office.daemon.configure(office.setup(floor="20s", ceiling="2h"))
    office.daemon.start()
    office.daemon.wait_for_states("recording", ["lobby"], START_S)
    assert office.floor() == parse_duration("30s").total_seconds(), "a start is no way round, either"
    wait_until(lambda: "retention.loosening" in office.alarms(), 20, "an alarm")


def test_a_leaf_says_what_a_call_was_about(office: Office) -> None:
    """A plan is no copy; a statement names camera and month; a list cameras and times, once a day."""
    now = datetime.now(UTC)
    month, begin, end = now.strftime("%Y-%m"), (now - timedelta(days=1)).isoformat(), now.isoformat()
    plan: dict[str, Any] = {"whole_segments": False, "max_file_bytes": 1 << 30}
    plan |= {"cameras": ["lobby"], "start": begin, "end": end, "reason": "test", "destroy_by": None, "dry_run": True}
    assert office.ask(Role.OPERATOR, Call("POST", "/v1/exports", json.dumps(plan)))[0].status == 200
    proof = Call("POST", "/v1/proof-of-retention", json.dumps({"camera": "lobby", "month": month}))
    assert office.ask(Role.AUDITOR, proof)[0].status == 200
    office.people["clerk"] = office.town.account("clerk", [office.groups[Role.AUTHORITY][0]])
    query = urlencode({"camera": "lobby", "from": begin})
    lists = [Call("GET", f"/v1/destroyed?{query}"), Call("GET", f"/v1/destroyed?{urlencode({'camera': '王小明'})}")]
    assert [one.status for one in office.ask("clerk", lists[0], lists[0], lists[1])] == [200, 200, 404]
    told = office.ask(Role.AUDITOR, Call("GET", "/v1/ledger?kind=act"))[0].document["ledger"]
    bodies = [one["body"] for one in told]
    assert {"export": "plan"} in [{body["verb"]: body.get("step")} for body in bodies]
    assert ("lobby", month) in [(body.get("camera"), body.get("month")) for body in bodies]
    (listed,) = (one for one in told if one["openings"]["who"].endswith("-clerk"))
    assert (listed["body"]["cameras"], "from" in listed["body"], "to" in listed["body"]) == (["lobby"], True, False)
    assert "destroyed (lobby, from " in listed["text"]


def test_who_can_edit_the_file_gives_himself_no_role(office: Office) -> None:
    """By neither a reload nor a restart, nor by taking [roles] away; what narrows holds at once, and is told."""
    technician, list_acts = str(Role.TECHNICIAN), Call("GET", "/v1/acts")
    wider = {**office.groups, Role.AUTHORITY: [*office.groups[Role.AUTHORITY], *office.groups[Role.TECHNICIAN]]}
    floor = {"floor": "30s", "ceiling": "2h"}
    for groups in (wider, {}):
        office.daemon.configure(office._replace(groups=groups).setup(**floor) if groups else plain(**floor))
        act = asked_in(office.ask("root", Call("POST", "/v1/reload"), login=technician)[0])
        assert office.ask(technician, list_acts)[0].refused
        assert office.ask(technician, Call("POST", f"/v1/acts/{act}/approve"))[0].refused
        assert office.ask("root", list_acts, login=technician)[0].refused
        office.daemon.stop()
        office.daemon.start()
        office.daemon.wait_for_states("recording", ["lobby"], START_S)
        assert office.ask(technician, list_acts)[0].refused
        assert office.ask("root", list_acts, login=technician)[0].refused
    first, second = office.groups[Role.VIEWER]
    office.daemon.configure(office._replace(groups={**office.groups, Role.VIEWER: [second]}).setup(**floor))
    told = office.ask("root", Call("POST", "/v1/reload"), login=technician)[0].document
    assert (told["roles"], told["warnings"]) == ([f"group {first} holds no more the role viewer"], [])
    office.daemon.configure(office.setup(**floor))
    act = asked_in(office.ask("root", Call("POST", "/v1/reload"), login=technician)[0])
    answer = office.ask("other", Call("POST", f"/v1/acts/{act}/approve"))[0]
    assert answer.document["done"]["sentence"] == f"give the role viewer to group {first}"
    entries = office.ask("auditor", Call("GET", "/v1/ledger?kind=agreed"))[0].document["ledger"]
    assert entries[-1]["body"]["roles"]["viewer"] == sorted([first, second])
    assert entries[-2]["body"]["roles"]["viewer"] == [second]


def plain(floor: str, ceiling: str) -> Setup:
    """The same without [roles]."""
    return Setup([CAMERA], segment="2s", floor=floor, ceiling=ceiling)


def asked_in(answer: Answer) -> str | None:
    """The id of the act that a reload asks for."""
    assert answer.status == 200, answer
    (warning,) = answer.document["warnings"]
    _, found, rest = warning.partition("(edgectl approve ")
    return rest.partition(")")[0] if found else None


def test_all_of_it_is_on_record_and_nobody_is_named(office: Office) -> None:
    """Last: the daemon is stopped, and its ledger read."""
    office.daemon.stop()
    with closing(sqlite3.connect(office.daemon.state / "edged.db")) as database:
        acts = [json.loads(body) for (body,) in database.execute("SELECT body FROM leaves WHERE kind = 'act'")]
        others = database.execute("SELECT body FROM leaves WHERE kind <> 'agreed'")  # groups are named as they are
        told = " ".join(body for (body,) in others)
    assert office.town.mark not in told
    assert all(len(act["who"]) == 64 for act in acts)
    done = {(act["role"], act["verb"]) for act in acts if act["result"] != "refused"}
    for role in Role:
        recorded = {verb for verb in Verb if role in TABLE[verb].who and TABLE[verb].record is not Record.NONE}
        on_record = recorded - SHOWS_NOTHING
        assert {verb for name, verb in done if name == role} >= {verb.value for verb in on_record}
    assert all(TABLE[Verb(act["verb"])].record is not Record.NONE for act in acts if act["result"] != "refused")
    joined = {(act["act"], act["result"]) for act in acts if act["verb"] in ("reload", "approve ID") and "act" in act}
    approved = {act for act, result in joined if result == "approved"}
    assert len(approved) == 2, "the bound and the role: what was refused was never approved"
    assert {(act, "asked") for act in approved} <= joined, "whoever asked and whoever approved are joined by its id"
    refused = [act for act in acts if act["result"] == "refused"]
    assert {"none", "viewer", "technician"} <= {act["role"] for act in refused}
    assert any(act.get("count", 1) > 1 for act in refused), "those of a minute are one"
