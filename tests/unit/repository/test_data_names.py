"""Names that are data: what is stored, signed or sent is called so for good, whatever the code calls it.

A box that is upgraded reads what the version before wrote, and the centre reads both. So each such word stands in a
golden file, once, and is never changed there: a kind may be added, and nothing may be taken away or renamed. Bodies of
leaves, documents and topics have tests of their own; the last two are in docs/schemas and docs/asyncapi.json.
"""

from __future__ import annotations

import ast
import enum
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn, cast
from unittest.mock import MagicMock

import msgspec
import pytest
from aiohttp import web

from edged import overview
from edged.access.acts import Acts, Agreement
from edged.access.callers import Caller
from edged.access.guard import CALLER
from edged.api import approvals as boot_calls
from edged.api import ledger as ledger_api
from edged.api.pins import PinCalls
from edged.compliance import ClauseStatus
from edged.config.model import Config, Roles
from edged.doctor.findings import Result
from edged.documents import ledger as ledger_documents
from edged.health.baseline import Habits, Light, ReferenceView, Usual
from edged.health.faults import MediaFault
from edged.health.judge import Memory, Suspicion
from edged.health.stream import CameraState
from edged.host.journal import MessageId
from edged.office import cases, leaks, looks, request, statistics
from edged.office import findings as office_findings
from edged.papers.letters import LetterKind
from edged.profiles import procedures
from edged.profiles.loader import Basis, Judgement
from edged.site.verdict import Urgency
from edged.words.roles import Record, Role
from edged.words.roles import Verb as BoxVerb
from mqtt import commands, connection
from mqtt.tls import Weight
from recorder.decoder import messages as eye
from recorder.decoder.messages import BLOCKS, THUMB_BYTES
from recorder.rtp.pictures import Marker
from recorder.supervisor import backlog, state
from recorder.words.messages import Kind as HandedOut
from recorder.words.stream import Codec
from recorder.worker import segmenter
from script.generate import catalogues
from storage.ages import history
from storage.ages.history import Point
from storage.approvals.service import Act, Arguments, Person
from storage.audit.findings import Code
from storage.exports.model import CameraAccount, ExportAccount, ExportState
from storage.integrity import compare, fsck
from storage.ledger import signer
from storage.ledger.key import RotationTerms
from storage.ledger.note import Checkpoint
from storage.ledger.table import Leaf
from storage.office import leaks_table, people_table
from storage.office import table as office_table
from storage.outbox import table as outbox_table
from storage.pins.rules import Ground, PinState, Presence
from storage.recovery import replay_table, salvage
from storage.register import queries as register_queries
from storage.retention import bounds as retention_bounds
from storage.retention import destruction, plan
from storage.ring.service import LifecycleStage
from storage.segments import findings_table
from storage.tickets import faults_table, maintenance_table
from storage.words import failpoints, model
from tests.unit.edged.centre.test_diagnostics import GATE, configured
from tests.unit.mqtt.contract.test_docs import documented
from tests.unit.repository.sources import product, walked

ROOT: Final = Path(__file__).parents[3]
GOLDEN: Final = Path(__file__).parents[3] / "tests" / "unit" / "golden"

WORDS: Final[Mapping[str, type[enum.Enum]]] = {
    "alarms.severity": model.Severity,
    "boots.off_word": history.OffTimeSource,
    "cameras: state in the status": CameraState,
    "codecs, as ffprobe names them": Codec,
    "commands: reasons": commands.Reason,
    "commands: states": commands.State,
    "commands: verbs": commands.Verb,
    "compliance: results": ClauseStatus,
    "destroyed: how it is against its bounds": destruction.Verdict,
    "destroyed: rules in leaves": destruction.Rule,
    "doctor: results": Result,
    "exports.state": ExportState,
    "faults.state": faults_table.FaultState,
    "faults: steps in leaves": faults_table.FaultStep,
    "findings.end": findings_table.FindingEnd,
    "findings.kind": findings_table.FaultKind,
    "gaps.cause": model.GapCause,
    "health: faults in alarms and health.json": MediaFault,
    "health: lights in health.json": Light,
    "journal: MESSAGE_ID": MessageId,
    "leaves.kind": Leaf,
    "ledger verify: findings": Code,
    "link: versions of MQTT": connection.Protocol,
    "maintenances.state": maintenance_table.MaintenanceState,
    "outbox: kinds, and levels of topics": outbox_table.EventKind,
    "outbox.rank": outbox_table.EventRank,
    "pins.ground": Ground,
    "pins.state": PinState,
    "profiles: how a clause is judged": Judgement,
    "profiles: what a judgement rests on": Basis,
    "profiles: what may be granted": procedures.Use,
    "office: status of a request": request.RequestStatus,
    "office: outcome of a request, in registers": statistics.RequestOutcome,
    "office: how a reply goes out": request.Delivery,
    "office: secrecy of a copy": request.Secrecy,
    "office: what has become of a copy": request.Disposal,
    "office: what is said of a copy, in encrypted records": cases.CopyWord,
    "office: what broke a clause, in leaves": office_findings.BreachKind,
    "office: where a signature came in": request.Door,
    "office: steps of leak cases in leaves": leaks_table.LeakStep,
    "office: to whom a leak was reported": leaks.ReportedTo,
    "office: status of a leak case": leaks.LeakStatus,
    "office: state of a viewing": request.ViewingState,
    "office: purpose of a look": looks.Purpose,
    "office: deadlines in keys of alarms": overview.DeadlineKind,
    "office: steps of persons and posts in leaves": people_table.PersonStep,
    "register_faults.kind": register_queries.Violation,
    "retention: reasons": plan.Reason,
    "roles": Role,
    "roles: verbs in leaves": BoxVerb,
    "segments.state": model.SegmentState,
    "segments: fate in an explanation": LifecycleStage,
    "volumes: state in the status": model.VolumeState,
}
"""Golden: words.json."""
OURS: Final[frozenset[type[enum.Enum]]] = frozenset({
    Marker, Presence, Record, Urgency, retention_bounds.LoosenedBound, connection.Outcome, backlog.Result,
    Weight, LetterKind,
    eye.LookKind, eye.UnseenReason, failpoints.Failpoint, fsck.Level, HandedOut, connection.Delivery,
    connection.NextStep, salvage.Action, replay_table.Applied, segmenter.CutReason, state.Phase,
    compare.Look, compare.Touch, signer.HeadAgreement,
    office_table.Fate,
    procedures.Applicant, procedures.FieldKind, procedures.Phase, procedures.StepKind, procedures.Unit,
})  # fmt: skip
"""Words of one process, or of the processes of one version among themselves: free to be renamed."""
SCREENS: Final = (
    "edged/cli/",
    "edged/command.py",
    "edged/demo/",
    "edged/doctor/",
    "edged/words/help_screens.py",
    "script/",
)
"""Their messages are shown to who runs them, and neither stored nor sent."""


def golden(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text("utf-8"))


def test_words_that_are_stored_or_sent_stay() -> None:
    assert {what: sorted(one.value for one in words) for what, words in WORDS.items()} == golden("words.json")


def enumerations() -> Iterator[tuple[str, str]]:
    """Module and name of each that the product has."""
    for module, source in product().items():
        for node in walked(source) if "Enum" in source else ():
            if isinstance(node, ast.ClassDef) and any("Enum" in ast.unparse(base) for base in node.bases):
                yield module, node.name


def test_of_each_enumeration_it_is_known_whether_its_words_are_data() -> None:
    known = {(one.__module__, one.__name__) for one in (*WORDS.values(), *OURS)}
    assert set(enumerations()) == known, "in WORDS, if anything of it is stored or sent; else in OURS"
    assert not OURS & set(WORDS.values())


def test_keys_of_alarms_stay() -> None:
    """They are stored, sent, acknowledged by the centre and searched for in the journal."""
    assert sorted(documented()) == (GOLDEN / "alarm-keys.txt").read_text("utf-8").split()


def test_codes_of_messages_stay() -> None:
    """Rows, leaves, files and the centre have them, and each is read in Chinese by its code (docs/mqtt.md: "A code is
    stable").
    """
    known = {one.code for one in catalogues.extracted()}
    told = {one.code for one in catalogues.extracted() if not one.file.startswith(SCREENS)} - {*catalogues.UNCODED}
    kept = (GOLDEN / "codes.txt").read_text("utf-8").splitlines()
    gone, new = sorted(set(kept) - known), sorted(told - set(kept))
    assert not gone, (
        f"{gone} gone from the code: what bears them is still stored and sent. Give a sentence that was renamed its "
        "code back; what it says and its name in the code are free. A code that left with its sentence may be taken "
        "out of tests/unit/golden/codes.txt only if no release ever had it"
    )
    assert not new, f"{new} not in tests/unit/golden/codes.txt: add a line for each, and never change it again"
    assert kept == sorted(set(kept)), "tests/unit/golden/codes.txt is sorted, and has each code once"


def shape(value: Any) -> Any:
    """Names as they are; of a list the first of what is in it."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    return [shape(one) for one in value[:1]] if isinstance(value, list) else type(value).__name__


def test_what_is_kept_of_pictures_is_read_by_the_next_version() -> None:
    """health.json and references/CAMERA.json, below the state directory."""
    blocks = (0.5,) * BLOCKS
    memory = Memory(
        usual={Light.DAY: Usual(30, (1.5, 1.5), 0.5, blocks, blocks, 0.5, 1)},
        suspected={MediaFault.BLACK: Suspicion(1, 2, 3, "x", found=True)},
        habits=Habits({MediaFault.BLACK: (1,)}),
        colour_lost=True,
        heard=True,
        unseen=1,
    )
    found = {
        "health.json": shape(json.loads(msgspec.json.encode({"gate": memory}))),
        "references/gate.json": shape(json.loads(msgspec.json.encode(ReferenceView("gate", 1, b"x" * THUMB_BYTES)))),
    }
    assert found == golden("pictures.json")


def test_what_an_open_export_consists_of_is_read_by_the_next_version() -> None:
    """exports.account: an export goes on over an upgrade, as the same bytes."""
    account = ExportAccount({"lobby": CameraAccount((1, 2), (3,), (4,), (5,))}, (6,))
    text = (GOLDEN / "exports-account.json").read_text("utf-8").strip()
    assert account.to_json() == text
    assert ExportAccount.from_json(text) == account


class _Asked(Exception):
    """What would be stored."""


class _Desk(Acts):
    """All kinds of acts as they are registered; what is asked for goes no further."""

    def ask(self, name: str, arguments: Arguments, caller: Caller, asked_by: BoxVerb | None = None) -> NoReturn:
        del caller, asked_by
        raise _Asked(name, json.loads(json.dumps(arguments)))


class _Request(dict[object, object]):
    """A call of somebody who has logged in."""

    def __init__(self, told: Mapping[str, object]) -> None:
        super().__init__({CALLER: CHEN})
        self.match_info = {"pin": "P-20260506-AB23"}
        self._told = told

    async def read(self) -> bytes:
        return json.dumps(self._told).encode()


CHEN: Final = Caller(1000, 1000, "chen", "chen")
ACTS: Final = golden("acts.json")
"""Rows of `acts`, as the version before has left them: what waits for a second person over an upgrade."""


@pytest.fixture
def calls(tmp_path: Path) -> _Calls:
    return _Calls(configured(tmp_path, GATE).model_copy(update={"roles": Roles(authority=["chiefs"])}))


class _Calls:
    """Whatever asks for an act of two persons, over a store that agrees to all."""

    def __init__(self, config: Config) -> None:
        self.store = MagicMock()
        self.store.pins.find.return_value.age_ms = 0
        terms = RotationTerms(bytes(range(32)), Checkpoint("edged/box/1", 7, bytes(range(32))))
        self.store.ledger.terms.return_value = terms
        clock = MagicMock()
        clock.now.return_value = model.Moment(0, 0)
        self.desk = _Desk(self.store)
        self.pins = PinCalls(self.store, self.desk, clock, lambda: config, MagicMock())
        self.pins.routes()
        self.boots = boot_calls.boot_routes(self.store, self.desk)
        self.desk.register(ledger_api.RENEW, ledger_api.renewal(self.store))
        self.config = config

    async def loosening(self) -> Agreement:
        """Asked for less than what holds. Lives on the event loop."""
        bounds = model.Bounds(10**9, 10**9)
        grants = retention_bounds.Grants(frozenset(), configured=True)
        limits = retention_bounds.ApprovedLimits(bounds, {"gate": bounds}, grants=grants)
        self.store.agreement.hold.return_value = limits
        agreement = Agreement(self.store, self.desk)
        await agreement.hold(self.config)
        return agreement

    async def ask(self, verb: str) -> None:
        told = ACTS[verb]
        match verb:
            case "pin-extend":
                await self.pins.extend(_request(until="2026-05-06T08:00:00+08:00", reason=told["reason"]))
            case "pin-release":
                await self.pins.release(_request(reason=told["reason"]))
            case "boots attest":
                (attest,) = [one.handler for one in self.boots if one.method == "POST"]
                await attest(_request(**told))
            case "ledger-renew":
                wanted = ledger_documents.RenewAsked(reason=told["reason"], new_key=False)
                ledger_api.ask_renewal(self.store, self.desk, wanted, CHEN)
            case "loosen":
                await (await self.loosening()).ask(CHEN)


def _request(**told: object) -> web.Request:
    return cast("web.Request", _Request(told))


@pytest.mark.parametrize("verb", ACTS)
async def test_an_act_is_stored_as_the_version_before_did(verb: str, calls: _Calls) -> None:
    """acts.verb, acts.arguments."""
    with pytest.raises(_Asked) as stored:
        await calls.ask(verb)
    assert stored.value.args == (verb, ACTS[verb])


@pytest.mark.parametrize("verb", ACTS)
async def test_an_act_that_waits_is_approved_after_an_upgrade(verb: str, calls: _Calls) -> None:
    """What is read and done goes by its arguments."""
    await calls.loosening()
    act = Act("A-23456", verb, ACTS[verb], Person(1000, "chen"), Point(1, 0, 0), 1)
    kind = calls.desk._kinds[verb]
    said = kind.sentence(act.arguments)
    assert all(str(act.arguments[name]) in said for name in ("pin", "reason", "words") if name in act.arguments)
    assert kind.outdated(act) is None
    with kind.doing(act, Person(1001, "lin")):
        pass
    assert calls.desk._kinds.keys() == ACTS.keys()
