"""No line of the log is given a person or what somebody typed; who and why is in the ledger.

What goes wrong may be told in words that name somebody all the same. So each line that could is looked for in the
source, and carries the mark PERSONAL, or stands in NOBODY with a reason: of a marked line nobody outside of the box is
told, and its trace has no words. The mark alone decides, and not the file or the logger.
"""

from __future__ import annotations

import ast
import logging
import re
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import pytest

from edged.host import journal
from edged.host.journal import PERSONAL, JournalHandler
from tests.unit.edged.host.test_journal import parsed
from tests.unit.repository.sources import product, walked

METHODS: Final = {"debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "log"}
PEOPLE: Final = {
    "account", "accounts", "alarm", "approver", "asker", "author", "because", "by", "caller", "clashing",
    "holder", "holders", "login", "names", "people", "person", "persons", "readers", "reason", "refusal", "requester",
    "uid", "user", "username", "visitor", "who", "whom", "whose",
}  # fmt: skip
"""A line that has one of these words, in its text or in the name of a value, may name a person. So may an alarm."""
HANDLES: Final = {"ActEntry", "Caller", "Peer", "Person", "caller", "person"}
"""So may each line of a module that has one of these names at hand: what goes wrong there may be told with a name."""
NOBODY: Final = {
    "%s, as the centre commanded, failed": "a verb",
    "%s, segment %d gets its link later: %s": "an error of a disk",
    "a pin is placed while the office cannot be read": "nobody",
    "request %s: camera %s is not held": "a number and a camera",
    "pin %s goes on for a request that holds it no more: tried again": "a pin",
    "%s: %s is dropped, because %d facts wait already": "a camera and its fact",
    "%s: %s is dropped, because edged stops before it could be entered": "a camera and its fact",
    "%s: a new segment begins at the next key frame: %s": "what a camera sends",
    "%d files on the volumes are not as they were left; edgectl fsck names them": "a count",
    "%s is begun anew from the volumes: %s%s": "what is wrong with the database",
    "a command could not be dealt with": "no value",
    "a connection too many": "no value",
    "a pin on %s cannot be read: %s": "an error of a disk",
    "as agreed upon: %s, roles %s": "groups, which the configuration names",
    "no connection to the broker: %s": "an error of the network",
    "not reloaded: %s. %s": "what is wrong with the configuration, or that it waits",
    "nothing is destroyed until its pins can be read: %s": "errors of disks",
    "pin %s goes on to hold what is past its ceiling: %s": "an error of a disk",
    "pin %s has ended: %s": "its state",
    "pin %s protects its interval; each segment is told of it later: %s": "an error of a disk",
    "pin %s was found on a volume without a row%s: it holds again what it was placed for": "an id",
    "pins on %s are seen to later: %s": "an error of a disk",
    "pins protect their intervals; each segment is told of it later: %s": "an error of a disk",
    "reloaded: %s": "cameras, volumes, and groups, which the configuration names",
    "still without a broker: %s": "an error of the network",
    "the calls of the control socket could not be loaded": "what is wrong with a module",
    "the centre commands a restart": "no value",
    "%s: it is read by a process of its own from now on": "a camera's id",
    "the configuration loosens what is agreed upon, which takes two persons: %s": "groups and keys, as configured",
    "%s; its links are left as they are": "an error, with a path",
    "pin %s is not filed as it should be: %s": "a pin's number and an error, with a path",
    "pin %s: what was removed or changed on %s is made anew": "a pin's number and a path",
    "the ledger was checked: %d findings; edgectl ledger verify names them": "a count",
    "the wall clock was stepped by %+.3f s; recording goes on, no age changes": "a time",
    "too much happened on the volumes at once: what was overlooked is found by the next rescan": "no value",
    "what became of commands cannot be told yet: %s": "an error of the database",
    "who holds a role cannot be put on record: %s": "an error of the database",
    "[roles] names groups that this box does not have: %s; nobody has a role by them": "groups, as configured",
}
"""Lines without a mark that look like one of a person, and what they tell instead."""


def lines_that_may_name(source: str) -> Iterator[tuple[str, bool]]:
    """Each line of a module that may name a person: its text, and whether it is marked."""
    if "logging" not in source or "logging" not in (names := _names(walked(source))):
        return
    handles = bool(HANDLES & names)
    for call in walked(source):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in METHODS):
            continue
        if call.args and (handles or PEOPLE & _words(call)):
            text = call.args[0]
            told = text.value if isinstance(text, ast.Constant) else ast.unparse(text)
            marks = [one.value for one in call.keywords if one.arg == "extra"]
            yield str(told), any("PERSONAL" in _names(ast.walk(mark)) for mark in marks)


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    """Whatever is called by its name."""
    found = set()
    for node in nodes:
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name) | ast.ClassDef(name=name):
                found.add(name)
    return found


def _words(call: ast.Call) -> set[str]:
    texts = [node.value for node in ast.walk(call) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {word for text in (*texts, *_names(ast.walk(call))) for word in re.findall("[a-z]+", text.lower())}


def test_each_line_that_may_name_a_person_is_marked_or_known_to_name_nobody() -> None:
    lines = [line for source in product().values() for line in lines_that_may_name(source)]
    unmarked = {text for text, marked in lines if not marked}
    assert unmarked - NOBODY.keys() == set(), "extra=PERSONAL, or a reason in NOBODY"
    assert NOBODY.keys() - unmarked == set(), "no line is like that any more"
    assert sum(marked for _, marked in lines) >= 8


def test_the_rule_has_not_gone_blind() -> None:
    """A name of HANDLES that the product has no more was renamed: so must it be here."""
    missing = set(HANDLES)
    for source in product().values():
        if any(name in source for name in missing):
            missing -= _names(walked(source))
    assert missing == set()


@pytest.mark.parametrize(
    "call",
    [
        'log.info("volume init %s by %s", path, one.name)',
        'log.info("volume %s: %s", path, the_caller.name)',
        'log.info("done", one.asker_name)',
        'log.info(f"done {visitor}")',
        'logging.getLogger("edged.x").error("%s", told.who, extra=marked(Told.READY))',
        'log.info("alarm %s", key, extra=journal.raised(key))',
        'log.log(20, "done: %s", requester)',
        'from edged.access.callers import Caller\nlog.info("done: %s", error)',
    ],
)
def test_a_planted_line_is_caught(call: str) -> None:
    """Negative control: with its mark it is none."""
    source = f"import logging\nlog = logging.getLogger('x')\n{call}"
    assert [marked for _, marked in lines_that_may_name(source)] == [False]
    marked = re.sub(r"(, extra=\w+\S*\))?\)$", ", extra={**PERSONAL, **more})", source)
    assert [marked for _, marked in lines_that_may_name(marked)] == [True]


GIVEN: Final = re.compile(r"\b(account|approver|asker|caller|login|names|placer|uid|who|wanted\.(?!undo\b)\w+)\b")
"""Values that are a person, or what a person has typed."""


def lines_that_are_given_a_person(source: str) -> list[str]:
    if "logging" not in source:
        return []
    calls = (one for one in walked(source) if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute))
    return [
        ast.unparse(call)
        for call in calls
        if call.func.attr in METHODS  # type: ignore[attr-defined]
        and ast.unparse(call.func.value) == "log"  # type: ignore[attr-defined]
        and any(GIVEN.search(ast.unparse(value)) for value in call.args[1:])
    ]


def test_no_line_is_given_a_person_or_a_reason() -> None:
    found = {module: lines for module, source in product().items() if (lines := lines_that_are_given_a_person(source))}
    assert found == {}
    planted = 'import logging\nlog.info("reference set %s because: %s", camera, wanted.reason)'
    assert lines_that_are_given_a_person(planted)


@pytest.mark.parametrize("call", ['log.info("%s: records", camera)', 'log.error("the disk of %s is full", self._path)'])
def test_a_line_of_a_machine_needs_no_mark(call: str) -> None:
    assert list(lines_that_may_name(f"import logging\n{call}")) == []


@pytest.mark.parametrize("path", ["/opt/edged/edged/api/volumes.py", "/opt/edged/edged/moved/wherever.py"])
@pytest.mark.parametrize("name", ["edged.site", "edged.elsewhere"])
def test_a_marked_line_stays_in_the_box_whoever_logs_it(name: str, path: str, tmp_path: Path) -> None:
    """The journal has it all the same. Negative control: the same line without the mark is told."""
    marks = ({**PERSONAL}, {**PERSONAL, **journal.raised("camera.down:gate")}, None, journal.raised("camera.down:gate"))
    tail = journal.Tail()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.bind(str(tmp_path / "socket"))
        there.settimeout(10)
        handler = JournalHandler(str(tmp_path / "socket"))
        for mark in marks:
            record = logging.getLogger(name).makeRecord(
                name, logging.WARNING, path, 1, "by %s", ("chen",), None, extra=mark
            )
            tail.emit(record)
            handler.emit(record)
        told = [parsed(there.recv(1 << 20)) for _ in marks]
        handler.close()
    assert [one["MESSAGE"] for one in told] == [f"{name}: by chen"] * len(marks)
    assert [("EDGED_ALARM" in one) for one in told] == [False, True, False, True]
    assert [line.rpartition(": ")[2] for line in tail.lines()] == ["by chen"] * 2


def test_the_tail_of_the_log_is_bounded() -> None:
    tail = journal.Tail()
    for number in range(journal.LINES_MAX * 2):
        tail.emit(logging.LogRecord("edged", logging.WARNING, "x.py", 1, f"{number}\n" + "z" * 5000, (), None))
    assert len(tail.lines()) == journal.LINES_MAX
    assert all(len(line) <= journal.LINE_MAX and "\n" not in line for line in tail.lines())


def loggers(source: str) -> set[str]:
    """What the loggers of a module are called, `__name__` aside."""
    calls = [
        node for node in walked(source) if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("getLogger")
    ]
    named = {call.args[0].value for call in calls if call.args and isinstance(call.args[0], ast.Constant)}
    return {str(name) for name in named if str(name).startswith("edged")}


@pytest.mark.parametrize(("name", "said"), [("edged.alarms", True), ("edged.faults", False)])
def test_a_logger_is_called_after_its_room(name: str, *, said: bool) -> None:
    """What a technician reads in the journal leads to the room that says it."""
    planted = {"edged.alarms.planted": f'import logging\nlog = logging.getLogger("{name}")'}
    wrong = set()
    for module, source in (product() | planted).items():
        package, _, below = module.partition(".")
        room = below.partition(".")[0]
        if package in {"edged", "storage"} and room != "main":
            ours = f"edged.{room}" if package == "edged" else f"edged.storage.{room}"
            wrong |= {(module, one) for one in loggers(source) if one not in {ours, f"{ours}.http"}}
    assert wrong == (set() if said else {("edged.alarms.planted", name)})
