"""One person who wants to be two, a nobody who wants to be heard: attacks on roles, over the real socket.

By processes that really are those accounts, begun by those logins, in those control groups.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from edged.access.journal import STRANGERS
from edged.api.listening import ALL_MAX, EACH_MAX
from edged.words.roles import TABLE, Record, Role, Verb
from tests.integration.edged.access.peopled import START_S, Office, opened
from tests.integration.edged.access.test_roles import CALLS, SHOWS_NOTHING
from tests.support.people import Answer, Call, Town, calls_by, can_be_others, done_by, leave, unit
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(not can_be_others(), reason="nobody can be somebody else here: needs root")

LAST_PID: Final = Path("/proc/sys/kernel/ns_last_pid")
SUBUID: Final = 700_000
"""From here on numbers that no account has, as an unprivileged account gets thousands of."""
RENEW: Final = "/v1/ledger/renew"
TRIES: Final = 1000
METHODS: Final = ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "get", "POST")


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with Town() as town:
        groups = {role: [town.group(f"{role[:4]}{n}") for n in (1, 2)] for role in Role}
        people: dict[str, int] = {role: town.account(role[:4], [groups[role][0]]) for role in Role}
        for name in ("chief", "third", "leaver"):
            people[name] = town.account(name, [groups[Role.AUTHORITY][0]])
        people |= {"nobody": town.account("nobody", []), "root": 0}
        with opened(town, people, groups) as with_people:
            yield with_people


def asked(office: Office, who: str = "root", login: str | None = "authority") -> str:
    """Somebody asks for a new generation of the ledger; the act."""
    body = json.dumps({"reason": f"test {secrets.token_hex(3)}", "new_key": False})
    answer = office.ask(who, Call("POST", RENEW, body), login=login)[0]
    assert answer.status == 200, answer
    return str(answer.document["act"]["id"])


def approve(act: str) -> Call:
    return Call("POST", f"/v1/acts/{act}/approve")


def waits(office: Office, act: str) -> bool:
    told = office.ask("auditor", Call("GET", "/v1/acts"))[0].document
    return act in {one["id"] for one in told["acts"]}


def leaves(office: Office, *, kind: str = "act") -> list[dict[str, Any]]:
    answer = office.ask("auditor", Call("GET", f"/v1/ledger?kind={kind}"))[0]
    return list(answer.document["ledger"])


# --- one person as two ------------------------------------------------------------------------------------------------


def test_nobody_lends_a_login_to_a_connection_that_outlives_its_process(office: Office) -> None:
    """Who asked connects as the chief by sudo, and waits until the chief's own process has the number of his."""
    if not os.access(LAST_PID, os.W_OK):
        pytest.skip("nobody may choose the next number of a process here")
    act, chief = asked(office), office.people["chief"]
    with socket.socket(socket.AF_UNIX) as held:

        def connect() -> int:
            held.connect(str(office.daemon.socket))
            said(held, b"GET /v1/version HTTP/1.1\r\nHost: edged\r\n\r\n")
            return os.getpid()

        pid = done_by(chief, office.people["authority"], connect)
        request = f"POST /v1/acts/{act}/approve HTTP/1.1\r\nHost: edged\r\nContent-Length: 0\r\n\r\n".encode()
        for _ in range(TRIES):
            LAST_PID.write_text(str(pid - 1), "ascii")
            told = done_by(chief, chief, lambda: said(held, request) if os.getpid() == pid else "")
            if told:
                break
        else:
            pytest.skip("others were quicker")
    assert '"exit":77' in told, told
    assert waits(office, act)


@pytest.mark.parametrize("inside", ["edt-{}.service", "user-{}.slice/session-3.scope"])
def test_what_cron_or_a_forged_login_says_is_nobodys_word(office: Office, inside: str) -> None:
    """Whoever is root by sudo writes a crontab for the chief, or his number into the login of his own session."""
    act, chief = asked(office), office.people["chief"]
    name = inside.format(office.people["authority"])
    with unit(f"edt{secrets.token_hex(4)}.slice/{name}") as units:
        if not units:
            pytest.skip("there are no control groups")
        answer = calls_by(chief, chief, office.daemon.socket, [approve(act)], units)[0]
    assert answer.refused, answer
    assert "no login vouches" in answer.document["error"]
    assert waits(office, act)
    with unit(f"edt{secrets.token_hex(4)}.slice/user-{chief}.slice/session-4.scope") as units:
        assert calls_by(chief, chief, office.daemon.socket, [approve(act)], units)[0].status == 200


def test_whoever_borrows_an_account_and_its_owner_are_not_two(office: Office) -> None:
    """By su or sudo -u: the authority asks as the chief, and the chief approves; or the other way round."""
    borrowed = asked(office, "chief", "authority")
    for who, login in (("chief", ""), ("authority", ""), ("third", "chief"), ("chief", "third")):
        assert office.ask(who, approve(borrowed), login=login)[0].refused, (who, login)
    assert waits(office, borrowed)
    assert office.ask("third", approve(borrowed))[0].status == 200
    own = asked(office, "chief", "")
    assert office.ask("chief", approve(own), login="third")[0].refused
    assert office.ask("third", approve(own), login="chief")[0].refused
    assert office.ask("third", approve(own))[0].status == 200


def test_two_who_became_root_by_sudo_are_two(office: Office) -> None:
    """Also where there are no roles; but with roles root approves nothing."""
    act = asked(office, "root", "technician")
    assert office.ask("root", approve(act), login="chief")[0].refused
    assert office.ask("chief", approve(act))[0].status == 200


def test_who_has_lost_the_right_to_ask_has_asked_in_vain(office: Office) -> None:
    act = asked(office, "leaver", "")
    leave(office.town, "leaver", office.groups[Role.AUTHORITY][0])
    answer = office.ask("chief", approve(act))[0]
    assert answer.refused
    assert "any more" in answer.document["error"]
    assert waits(office, act)


def test_an_approval_counts_once(office: Office) -> None:
    one, two = asked(office), asked(office)
    first, again, other = office.ask("chief", approve(one), approve(one), approve(two))
    assert (first.status, again.status, other.status) == (200, 404, 200)
    assert first.document["done"]["id"] == one


def test_nobody_keeps_others_from_asking(office: Office) -> None:
    body = [json.dumps({"reason": f"the same, {n}", "new_key": False}) for n in range(30)]
    answers = office.ask("technician", *(Call("POST", RENEW, one) for one in body))
    assert {answer.status for answer in answers} == {200, 409}
    office.ask("chief", approve(asked(office)))


@pytest.mark.parametrize("reason", ["the key is gone\nA-22222 waits: nothing", "end \u202e of it", "\x1b[2J"])
def test_no_reason_shows_the_second_person_something_else(office: Office, reason: str) -> None:
    answer = office.ask("root", Call("POST", RENEW, json.dumps({"reason": reason, "new_key": False})), login="third")[0]
    assert (answer.status, answer.document["exit"]) == (404, 64)


def test_a_pin_that_no_login_placed_lasts_by_nobodys_approval(office: Office) -> None:
    """A service that one operator begins as another places it, and he approves it himself."""

    def listed() -> list[Any]:
        return list(office.ask("operator", Call("GET", "/v1/segments"))[0].document["segments"])

    office.daemon.until(lambda: len(listed()) > 2, 30, "some segments")
    first = listed()[0]
    order = {
        "cameras": ["lobby"],
        "start": first["start"],
        "end": first["end"],
        "case": "115-1",
        "ground": "internal",
        "reference": "",
        "approver": "王主任",
        "until": None,
        "dry_run": False,
    }
    placed = office.ask("operator", Call("POST", "/v1/pins", json.dumps(order)), login=None)[0]
    assert placed.status == 200, placed
    answer = office.ask("chief", Call("POST", f"/v1/pins/{placed.document['pin']['id']}/approve"))[0]
    assert answer.status == 409
    assert "no login vouches" in answer.document["error"]


def test_an_approval_is_of_what_it_says_and_not_of_what_was_made_of_it(office: Office) -> None:
    """A floor is lowered by little; before that is approved it was raised and lowered again by much: same file."""
    little = office.setup(floor="50s")
    office.daemon.configure(little)
    reload = Call("POST", "/v1/reload")
    act = waiting_for(office.ask("root", reload, login="authority")[0])
    office.daemon.configure(office.setup(floor="10m"))
    assert office.ask("root", reload, login="third")[0].status == 200
    wait_until(lambda: office.floor() == 600, 10, "raising holds at once")
    office.daemon.configure(little)
    again = waiting_for(office.ask("root", reload, login="authority")[0])
    assert again != act
    answer = office.ask("chief", approve(act))[0]
    assert answer.status == 409, "its words say from 1m to 50s, and it would be from 10m"
    assert office.floor() == 600
    assert office.ask("chief", approve(again))[0].status == 200
    wait_until(lambda: office.floor() == 50, 10, "what was read holds")


def waiting_for(answer: Answer) -> str:
    assert answer.status == 200, answer
    (warning,) = answer.document["warnings"]
    return str(warning.partition("(edgectl approve ")[2].partition(")")[0])


# --- what is no call --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/v1/pins/",
            "//v1/pins",
            "/v1//pins",
            "/V1/pins",
            "/v1/%70ins",
            "/v1/./pins",
            "/v1/x/../pins",
            "/v1/pins%2f",
        ),
        *("/v1/%2e%2e/v1/pins", "/v1/pins;a=b", "/v1/pins%00", "http://edged/v1/pins", "/v1/pins#x", "*", "/v1/delete"),
    ],
)
def test_no_way_of_writing_a_call_goes_round_the_guard(office: Office, path: str) -> None:
    """Whoever may nothing is refused, or it is no call at all; nothing breaks, and nothing is told."""
    more = "Host: edged\r\nX-HTTP-Method-Override: GET\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    tried = [f"{method} {path} HTTP/1.1\r\n{more}".encode() for method in METHODS]
    nobody = office.people["nobody"]
    for told in done_by(nobody, nobody, lambda: [exchanged(office.daemon.socket, one) for one in tried]):
        assert told.split(" ")[1] in ("400", "403", "404", "405"), told
        assert "P-2" not in told


@pytest.mark.parametrize(
    "tried",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /v1/status HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
        b"POST /v1/pins HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/pins HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
        b"POST /v1/pins HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n{}",
        b"POST /v1/pins HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
)
def test_gibberish_fills_no_journal(office: Office, tried: bytes) -> None:
    before = len(office.daemon.log)
    nobody = office.people["nobody"]
    for _ in range(3):
        told = done_by(nobody, nobody, lambda: exchanged(office.daemon.socket, tried))
        assert told == "" or told.split(" ")[1] in ("400", "403"), told
    assert "Traceback" not in office.daemon.log[before:]
    assert "gibberish" not in told


@pytest.mark.parametrize("second", ["GET /v1/pins", "POST /v1/pins"])
def test_a_call_behind_another_is_guarded_like_the_first(office: Office, second: str) -> None:
    viewer = office.people["viewer"]
    tried = f"GET /v1/version HTTP/1.1\r\nHost: a\r\n\r\n{second} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    told = done_by(viewer, viewer, lambda: exchanged(office.daemon.socket, tried.encode(), whole=True))
    assert "200 OK" in told
    assert "403 Forbidden" in told


# --- crowds -----------------------------------------------------------------------------------------------------------


def test_a_crowd_of_strangers_keeps_nobody_out(office: Office) -> None:
    """An account with thousands of numbers holds all places and says nothing."""
    held: list[socket.socket] = []
    try:
        for number in range(-(-ALL_MAX // EACH_MAX) + 1):
            ours = [socket.socket(socket.AF_UNIX) for _ in range(EACH_MAX)]
            done_by(SUBUID + number, None, partial(connect, office.daemon.socket, ours))
            held += ours
        assert office.ask("operator", Call("GET", "/v1/status"))[0].status == 200
        assert office.ask("viewer", Call("GET", "/v1/status"))[0].status == 200
    finally:
        for one in held:
            one.close()


def test_a_crowd_of_strangers_writes_no_crowd_of_leaves(office: Office) -> None:
    before = len(leaves(office))
    for number in range(40):
        answer = calls_by(SUBUID + number, SUBUID + number, office.daemon.socket, [Call("GET", "/v1/pins")])[0]
        assert answer.refused
    assert len(leaves(office)) - before < 5


def test_who_hangs_up_is_on_record_with_what_he_was_shown(office: Office) -> None:
    """The leaf is there before the first octet leaves: so also for whoever takes what he wants and is gone."""
    authority = office.people["authority"]

    def look() -> int:
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(str(office.daemon.socket))
            one.sendall(b"GET /v1/pins HTTP/1.1\r\nHost: a\r\n\r\n")
            return len(one.recv(1))

    assert done_by(authority, authority, look) == 1
    shown = [leaf["body"] for leaf in leaves(office) if leaf["body"]["verb"] == "pin list"]
    assert "authority" in {body["role"] for body in shown if body["result"] == "done"}


# --- files ------------------------------------------------------------------------------------------------------------


def test_no_account_but_edgeds_own_reads_a_file(office: Office) -> None:
    """The group reads what its members are alarmed about; others nothing; the key and what is in the making nobody."""
    for top in (office.daemon.state, office.daemon.volume):
        for path in (top, *top.rglob("*")):
            mode = stat.S_IMODE(path.lstat().st_mode)
            assert not mode & 0o027, (path, oct(mode))
    assert stat.S_IMODE((office.daemon.state / "ledger.key").lstat().st_mode) == 0o600


# --- on record --------------------------------------------------------------------------------------------------------


def test_every_route_leaves_its_leaf_whoever_calls(office: Office) -> None:
    """All that is served, by who may and by who may not: nothing that is refused, shown or done is missing. Last."""
    for who in (*Role, "nobody"):
        office.ask(who, *(call for _, call in CALLS))
    for number in range(SUBUID, SUBUID + 3):
        calls_by(number, None, office.daemon.socket, [CALLS[0][1]])
    office.daemon.stop()
    office.daemon.start()
    office.daemon.wait_for_states("recording", ["lobby"], START_S)
    names = {who: f"{office.town.mark}-{who[:4] if who in set(Role) else who}" for who in (*Role, "nobody")}
    refused: dict[str, set[str]] = {name: set() for name in names.values()}
    allowed: dict[str, set[str]] = {name: set() for name in names.values()}
    for leaf in leaves(office):
        body, who = leaf["body"], leaf["openings"]["who"]
        if who in refused:
            verbs = [body["verb"], *body.get("verbs", "").split(", ")]
            (refused if body["result"] == "refused" else allowed)[who] |= set(filter(None, verbs))
    served = {verb for verb, _ in CALLS}
    assert served == set(Verb)
    for who, name in names.items():
        may = {verb for verb in served if who in TABLE[verb].who}
        assert refused[name] >= served - may, (who, "refused")
        on_record = {verb for verb in may - SHOWS_NOTHING if TABLE[verb].record is not Record.NONE}
        assert allowed[name] >= on_record, (who, "done")
    strangers = [leaf for leaf in leaves(office) if leaf["openings"]["who"] == STRANGERS]
    assert sum(leaf["body"]["count"] for leaf in strangers) >= 2


def connect(path: Path, ours: list[socket.socket]) -> None:
    """Connected by whoever calls this, and held by whoever made them."""
    for one in ours:
        one.connect(str(path))


def said(connection: socket.socket, request: bytes) -> str:
    """One answer on a connection that stays."""
    connection.settimeout(20)
    connection.sendall(request)
    return connection.recv(65_536).decode()


def exchanged(path: Path, request: bytes, *, whole: bool = False) -> str:
    """What is answered at first; with `whole` all, until the daemon hangs up."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(path))
        with contextlib.suppress(BrokenPipeError):
            connection.sendall(request)
        told = b""
        with contextlib.suppress(ConnectionResetError):
            while (whole or not told) and (block := connection.recv(65_536)):
                told += block
        return told.decode(errors="replace")
