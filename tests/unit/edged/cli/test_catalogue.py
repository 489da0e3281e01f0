"""What a person reads passes the catalogue: every verb is run in a language whose words have no Latin letter.

What is left in Latin letters was never translated. Names, ids, codes and what people wrote are the sample's own.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

import click
import pytest
from pydantic import BaseModel
from rich.console import RenderableType

from edged.cli import configuration, doctor, export, formatting, main, output, post, probe, request_screens
from edged.cli.client import DaemonClient
from edged.documents import exports, leaks, ledger, machine, office, pins, register, registers, site, tickets
from edged.documents.base import Document
from edged.words import catalogue, exit_codes, help_screens
from edged.words.catalogue import Reader
from recorder.words.address import without_tried
from script.generate import catalogues
from storage.segments.findings_table import FaultKind
from storage.words.message import Message
from tests.support.samples import ALARM, SAMPLES

LETTERS: Final = str.maketrans({letter: chr(ord(letter) + 0xFEE0) for letter in string.ascii_letters})
"""To the wide ones of the same shape."""
WORD: Final = re.compile(r"[A-Za-z]{3,}")
HASH: Final = re.compile(r"\b[0-9a-f]{64}\b")
STAYS: Final = frozenset({"edged", "edgectl", "fps", "Mbit", "MQTT", "PyAV", "FFmpeg", "SQLite", "Python"})
"""Programs, units and formats."""
TYPED: Final = {
    "probe": {"config", "check", "reload", "toml"},
    "doctor": {"sda"},
    "request new --template": {"row", "received", "applicant", "fields"},
}
"""Of commands, files and devices that a screen names."""
TOLD: Final = "test.told"
"""The code of whatever the daemon says in a sample."""
WIDE: Final = 1000
TODAY: Final = date(2026, 12, 8)
AS_TYPED: Final = {"level"}
"""Values of these fields are the words of an option, or codes that commands and documents name."""

PIN: Final = ("--from", "-2h", "--to", "now", "--case", "115-0042", "--ground", "investigation:X", "--approver", "lin")
NUMBER: Final = "115-0042"
PAPER: Final = ("--paper", "3", "--day", "115.11.27")
VERBS: Final[dict[str, tuple[tuple[str, ...], type[Document], dict[str, Any]]]] = {
    "status": ((), site.Status, {}),
    "status --check": ((), site.Status, {}),
    "cameras": ((), site.Cameras, {}),
    "segments": (("--limit", "3"), site.Segments, {}),
    "gaps": (("--limit", "3"), site.Gaps, {}),
    "retention": ((), site.Retention, {}),
    "retention --explain": (("lobby/1041",), site.Explanation, {}),
    "alarms": ((), site.Alarms, {}),
    "alarms ack": (("camera.down:side-door",), site.AlarmAck, {}),
    "faults": ((), tickets.Faults, {}),
    "faults show": (("F-20260430-K3QW",), tickets.FaultsShow, {}),
    "faults check": (("F-20260430-K3QW", "--note", "x"), tickets.FaultsStep, {}),
    "maintenance": ((), tickets.Maintenance, {}),
    "maintenance start": (("--reason", "x"), tickets.MaintenanceStart, {}),
    "maintenance end": ((), tickets.MaintenanceEnd, {}),
    "reference list": ((), site.ReferenceList, {}),
    "reference set": (("lobby",), site.ReferenceSet, {}),
    "reference clear": (("lobby",), site.ReferenceClear, {}),
    "volume list": ((), machine.VolumeList, {}),
    "volume init": (("/srv/edged",), machine.VolumeInit, {}),
    "volume retire": (("/srv/edged",), machine.VolumeRetire, {}),
    "volume replace": (("/srv/edged", "--reason", "x"), machine.VolumeReplace, {}),
    "fsck": ((), ledger.Fsck, {"unlisted": 2, "whole_only": 3, "daemon": False}),
    "rebuild": ((), ledger.Rebuild, {}),
    "boots": ((), machine.Boots, {}),
    "boots attest": (("2", "--off-for", "9d", "--reason", "x"), machine.Attest, {}),
    "pin add --dry-run": (("--camera", "lobby", *PIN), pins.PinAdd, {}),
    "pin add --yes": (("--camera", "lobby", *PIN), pins.PinAdd, {}),
    "pin list": ((), pins.PinList, {}),
    "pin approve": (("P-20260301-7F3K",), pins.PinApprove, {}),
    "pin extend": (("P-20260301-7F3K", "--until", "30d", "--reason", "x"), pins.PinExtend, {}),
    "pin release": (("P-20260301-7F3K", "--reason", "x"), pins.PinRelease, {}),
    "approve": ((), pins.Approve, {}),
    "export --dry-run": (("--camera", "lobby", "--from", "-2h", "--to", "now", "--reason", "x"), exports.Export, {}),
    "export --list": ((), exports.ExportList, {}),
    "ledger": (("--limit", "1"), ledger.Ledger, {}),
    "ledger renew": (("--reason", "x"), ledger.LedgerRenew, {}),
    "ledger verify": ((), ledger.LedgerVerify, {"unlisted": 2, "early": 3, "daemon": False}),
    "destroyed": ((), register.Destroyed, {}),
    "proof-of-retention": (("--camera", "lobby", "--month", "2026-05"), register.ProofOfRetention, {}),
    "compliance": ((), register.Compliance, {}),
    "compliance close": (("W2-E-20260501-7F3K", "--reason", "x"), register.ComplianceClose, {}),
    "request new --template": (("--row", "P-public"), office.Procedures, {}),
    "request list": ((), office.RequestList, {}),
    "request show": ((NUMBER,), office.RequestShow, {}),
    "request supplement": ((NUMBER, "--field", "聯絡電話=02", "--complete"), office.RequestShow, {}),
    "request check": ((NUMBER,), office.RequestShow, {}),
    "request sign": ((NUMBER, "--post", "審核人員", *PAPER), office.RequestShow, {}),
    "request return": ((NUMBER, "--to", "2", "--reason", "x", "--post", "審核人員"), office.RequestShow, {}),
    "request grant --yes": ((NUMBER,), office.RequestShow, {}),
    "request refuse": ((NUMBER, "--reason", "x"), office.RequestShow, {}),
    "request withdraw": ((NUMBER,), office.RequestShow, {}),
    "request reply": ((NUMBER,), office.RequestShow, {}),
    "request appoint": ((NUMBER, "--at", "2026-12-01 14:00"), office.RequestShow, {}),
    "request view": ((NUMBER, "--companion", "4", "--present", "林美惠"), office.RequestView, {}),
    "request view --here": ((NUMBER,), office.RequestView, {"directory": None, "files": []}),
    "request copy --dry-run": ((NUMBER,), office.RequestCopy, {}),
    "request copy --keep": ((NUMBER,), office.RequestCopy, {}),
    "request copy --keep --asks": ((NUMBER,), office.RequestCopy, {"pin": None}),
    "request close": ((NUMBER,), office.RequestShow, {}),
    "register requests": (("--year", "115"), registers.RequestRegister, {}),
    "register viewings": ((), registers.ViewingRegister, {}),
    "register copies": (("--from", "115.11.01", "--to", "115.11.30"), registers.CopyRegister, {}),
    "register year": ((), registers.YearRegister, {}),
    "register sign": ((NUMBER, "--row", "14"), office.RequestShow, {}),
    "person list": ((), office.PersonList, {}),
    "person add": (("林美惠",), office.PersonAdd, {}),
    "request expire": (("115-0042",), office.RequestExpire, {}),
    "person tie": (("3", "wang"), office.PersonTie, {}),
    "post list": ((), office.PostList, {}),
    "post hold": (("3", "分局長"), office.PostHold, {}),
    "post deputise": (("2", "分局長", "--from", "2026-05-01", "--to", "2026-05-02"), office.PostDeputise, {}),
    "office open": ((), office.OfficeOpen, {}),
    "leak list": ((), leaks.LeakList, {}),
    "leak show": (("L-115-0002",), leaks.LeakShow, {}),
    "leak open": (("--copy", "E-20261121-7F3K"), leaks.LeakShow, {"holding": []}),
    "leak report": (("L-115-0001", "--to", "ethics", "--letter", "x"), leaks.LeakStep, {}),
    "leak close": (("L-115-0001",), leaks.LeakStep, {}),
    "look --end": ((), office.ShownLook, {"directory": None}),
    "look": (
        ("--for", "inspection", "--camera", "lobby", "--from", "-2h", "--to", "-1h"),
        office.ShownLook,
        {},
    ),
    "reload": ((), site.Reload, {}),
    "version": ((), site.Version, {}),
}
"""Of each verb what follows it, what the daemon answers, and what of the sample is otherwise. `edgectl verify` is left
out: it says everything in both languages, as the verifier in each export.
"""
DRAWN: Final[dict[str, tuple[Callable[[Any, Reader], RenderableType], type[Document]]]] = {
    "doctor": (doctor.screen, machine.Doctor),
    "probe": (lambda document, read: probe.screen(document, Path("toml"), read), site.Probe),
    "config check": (configuration.config_check_screen, site.ConfigCheck),
    "export (done)": (
        lambda document, read: export.done_screen(document, {"lines": [], "intact": False}, read),
        exports.Export,
    ),
    "export (again)": (export.finished_screen, exports.Export),
    "export (undone)": (lambda document, read: export.undone_screen(document.export.id, read), exports.Export),
    "request new": (request_screens.slip_screen, office.RequestShow),
    "request check --paper": (
        lambda document, read: request_screens.paper_screen(document.request, read),
        office.RequestShow,
    ),
    "request grant": (
        lambda document, read: request_screens.grant_screen(document.request, ["view"], [], read),
        office.RequestShow,
    ),
    "post deputise (at once)": (
        lambda document, read: post.deputised(document.model_copy(update={"act": None}), read),
        office.PostDeputise,
    ),
}
"""Screens of verbs that need more than a daemon."""
Model = TypeVar("Model", bound=BaseModel)
NO_SCREEN: Final = {
    exports.Manifest,
    exports.Verify,
    register.Statement,
    machine.StatusDown,
    site.Error,
    site.Snapshot,
    office.Scanned,
    office.RequestPrint,
}
"""Files, or part of another screen."""


def pseudo(language: str, code: str, real: Callable[[str, str], str | None] = catalogue.template) -> str | None:
    """The English words in wide letters, so that values stand out."""
    if code == TOLD:
        return "Said".translate(LETTERS)
    words = real("en", code)
    if words is None or language == "en":
        return words
    return "".join(
        literal.translate(LETTERS) + ("" if name is None else f"{{{name}}}")
        for literal, name, _, _ in string.Formatter().parse(words)
    )


@pytest.fixture(autouse=True)
def pseudo_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "template", pseudo)
    monkeypatch.setattr(output, "PLAIN_WIDTH", WIDE)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("TERM", "xterm")


def with_codes(document: Model) -> Model:
    """With a code for each sentence that can have one."""
    values = {name: _coded(getattr(document, name)) for name in type(document).model_fields}
    values |= {name: without_tried(value) for name, value in values.items() if isinstance(value, str)}
    return document.model_copy(update=values | dict.fromkeys(sentences(document).values(), TOLD))


def _coded(value: Any) -> Any:
    if isinstance(value, list):
        return [_coded(one) for one in value]
    return with_codes(value) if isinstance(value, BaseModel) else value


def sentences(document: BaseModel) -> dict[str, str]:
    """Fields whose words have a code beside them, and the name of that."""
    fields = type(document).model_fields
    beside = {name: "" if name == "text" else f"{name}_" for name in fields}
    return {
        name: f"{prefix}code"
        for name, prefix in beside.items()
        if {f"{prefix}code", f"{prefix}values"} <= set(fields) and getattr(document, name)
    }


def own(document: BaseModel) -> Iterator[str]:
    """Text of the sample that nobody translates: all but sentences with a code and states."""
    for name, field in type(document).model_fields.items():
        value = getattr(document, name)
        is_told = name in sentences(document) or f"{name}_told" in type(document).model_fields
        if is_told or (is_state(field.annotation) and name not in AS_TYPED):
            continue
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, BaseModel):
                yield from own(one)
            elif isinstance(one, str):
                yield from (one, without_tried(one), PurePosixPath(one).name, str(PurePosixPath(one).parent))


def is_state(annotation: Any) -> bool:
    return get_origin(annotation) is Literal or any(get_origin(one) is Literal for one in get_args(annotation))


def raw(shown: str, *documents: BaseModel) -> set[str]:
    """Words in Latin letters that are not the samples' own."""
    shown = HASH.sub("", shown)
    for text in sorted({text for document in documents for text in own(document)}, key=len, reverse=True):
        shown = shown.replace(text, " ") if WORD.search(text) else shown
    return set(WORD.findall(shown)) - STAYS


def sample(kind: type[Document], changes: dict[str, Any]) -> Document:
    return kind.model_validate(SAMPLES[kind] | changes)


def shown_by(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **more: Any
) -> tuple[str, Document]:
    """What a verb prints, and the sample that it was drawn from."""
    arguments, kind, changes = VERBS[name]
    document, status = sample(kind, changes | more), sample(site.Status, changes | more if kind is site.Status else {})
    body = with_codes(document).model_dump_json().encode()
    beside = {"/v1/status": status, f"/v1/requests/{NUMBER}": sample(office.RequestShow, {})}
    if kind is not office.PostList:
        beside["/v1/posts"] = sample(office.PostList, {})

    def answered(_daemon: DaemonClient, path: str, *_: Any, **__: Any) -> bytes:
        return with_codes(beside[path]).model_dump_json().encode() if path in beside else body

    def lines(_daemon: DaemonClient, _path: str, **_query: Any) -> Iterator[bytes]:
        whole = json.loads(body)
        yield b'{"schema":"edged.destroyed/1","destroyed":['
        yield from (json.dumps(row).encode() + b"," for row in whole["destroyed"])
        yield b'],"summary":' + json.dumps(whole["summary"]).encode() + b"}"

    for method in ("get", "post", "follow"):
        monkeypatch.setattr(DaemonClient, method, answered)
    monkeypatch.setattr(DaemonClient, "lines", lines)
    main.main(["--lang", "zh_TW", "--socket", "/nowhere", *name.split(), *arguments])
    printed = capsys.readouterr()
    return printed.out + printed.err, document


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_shows_no_word_that_was_not_translated(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown, document = shown_by(name, monkeypatch, capsys)
    assert shown.strip()
    assert raw(shown, document, sample(site.Status, {}), sample(office.RequestShow, {})) <= TYPED.get(name, set())


@pytest.mark.parametrize("name", DRAWN)
def test_a_screen_shows_no_word_that_was_not_translated(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    draw, kind = DRAWN[name]
    document = with_codes(sample(kind, {}))
    output.show(draw(document, Reader("zh_TW")))
    assert raw(capsys.readouterr().out, document) <= TYPED.get(name, set())


def test_how_far_it_is_is_translated() -> None:
    stage = Message("files of segments", TOLD)
    told = {"stage": stage.told, "done": 1, "of": 9, "bytes": 10**9, "of_bytes": 4 * 10**9, "elapsed_s": 10.0}
    assert set(WORD.findall(output.check_line(told, Reader("zh_TW")))) == set()


ROOT: Final = click.Context(main.edgectl)


def commands(command: click.Command = main.edgectl, typed: str = "") -> Iterator[tuple[str, click.Command]]:
    """Each with what is typed for it; groups, too."""
    yield typed, command
    for name, one in members(command):
        yield from commands(one, f"{typed} {name}".strip())


def members(command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name in command.list_commands(ROOT):
            if (found := command.get_command(ROOT, name)) is not None:
                yield name, found


COMMANDS: Final = dict(commands())


def unfolded(text: str) -> str:
    return " ".join(text.split())


def in_its_help(command: click.Command) -> set[str]:
    """What is said of it and its options, and in short of the commands that it lists."""
    found = {command.help, *(one.short_help for _, one in members(command))}
    found |= {one.help for one in command.params if isinstance(one, click.Option)}
    return {unfolded(text) for text in found if text}


IN_HELP: Final = {unfolded(text) for text in help_screens.texts(main.edgectl, ROOT)}


def help_of(typed: str, language: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """On a terminal so wide that click cuts none of it off."""
    monkeypatch.setattr("click.formatting.FORCED_WIDTH", WIDE)
    assert main.main(["--lang", language, *typed.split(), "--help"]) == 0
    return unfolded(capsys.readouterr().out)


@pytest.mark.parametrize("typed", COMMANDS, ids=lambda typed: typed or "edgectl")
def test_help_is_translated(typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    english, chinese = (help_of(typed, language, monkeypatch, capsys) for language in ("en", "zh_TW"))
    assert {text for text in in_its_help(COMMANDS[typed]) if text not in english} == set(), "else none would be found"
    assert "用法：" in chinese
    assert {text for text in IN_HELP if text in chinese} == set()


def test_all_that_help_says_is_looked_for() -> None:
    assert set().union(*map(in_its_help, COMMANDS.values())) == IN_HELP


@pytest.mark.parametrize(
    "wrong", [[], ["pin", "add"], ["status", "--nope"], ["status", "more"], ["segments", "--limit", "x"]]
)
def test_wrong_usage_is_told_in_chinese(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--lang", "zh_TW", *wrong]) == exit_codes.USAGE
    told = capsys.readouterr().err
    listed = set(main.VERBS) | set(WORD.findall("--config FILE --socket PATH --lang --version /etc/edged/edged.toml"))
    assert (
        set(WORD.findall(told))
        <= {*wrong, "edgectl", "OPTIONS", "camera", "nope", "limit", "help", "INTEGER", "COMMAND", "ARGS"} | listed
    )


def test_a_program_is_told_in_english(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["status", "--nope", "--json"]) == exit_codes.USAGE
    assert json.loads(capsys.readouterr().out)["error"] == "No such option '--nope'."


def test_lines_of_help_are_as_wide_as_they_may_be() -> None:
    text = "保留錄影作為證據（不受循環儲存影響），直到 2026-05-31 為止；--until 可以改變它。"
    assert help_screens.folded(text, 20) == [
        "保留錄影作為證據（不",
        "受循環儲存影響），直",
        "到 2026-05-31 為止；",
        "--until 可以改變它。",
    ]


def test_a_raw_sentence_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("edged.cli.status.since", lambda *_: "since yesterday at noon")
    shown, document = shown_by("status", monkeypatch, capsys)
    assert raw(shown, document) == {"since", "yesterday", "noon"}


def test_a_sentence_of_the_daemon_that_was_not_read_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("edged.cli.status.told_in", lambda document, field="text": Message(getattr(document, field)))
    shown, document = shown_by("status", monkeypatch, capsys, alarms=[ALARM | {"text": "the tape is torn"}])
    assert raw(shown, document) >= {"the", "tape", "torn"}


def test_every_verb_and_every_document_is_looked_at() -> None:
    drawn = {kind for _, kind, _ in VERBS.values()} | {kind for _, kind in DRAWN.values()}
    assert set(SAMPLES) == drawn | NO_SCREEN
    named = {name.split()[0] for name in (*VERBS, *DRAWN)}
    assert set(main.VERBS) - {"snapshot", "verify"} == named


def test_the_catalogues_are_those_of_the_code() -> None:
    """Each fault names the code: words that lack, values that differ, or a catalogue that was not brought up to date
    (script/messages).
    """
    faults = catalogues.faults(catalogues.extracted())
    assert not faults, "\n".join(faults)


def test_what_is_wrong_with_a_file_has_a_word() -> None:
    assert set(formatting.KINDS) == {kind.value for kind in FaultKind}
