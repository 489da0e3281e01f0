"""What `edgectl request` and its neighbours ask of the daemon, and what is wrong usage before anything is asked."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.cli import export, request_form, request_screens
from edged.cli.client import CallError, DaemonClient
from edged.cli.main import main
from edged.cli.request_form import Typed, form_in
from edged.documents import exports, office, site
from edged.documents.base import Document
from edged.words import exit_codes, units
from edged.words.catalogue import Reader
from storage.words.message import message
from tests.support.samples import SAMPLES
from tests.support.samples_office import COPY, FIELDS, REQUEST, SIGNED

PDF: Final = b"%PDF-1.7 a paper"
DECIDING: Final[dict[str, Any]] = {
    "status": "deciding",
    "granted": None,
    "scope": [],
    "next": "審核人員",
    "chain": [*REQUEST["chain"][:2], *({**step, "signed": [], "lacking": [""]} for step in REQUEST["chain"][2:])],
}


class Daemon:
    """Answers with samples, and remembers what was posted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.posted: list[tuple[str, Any]] = []
        self.kinds: list[str | None] = []
        self.request: dict[str, Any] = REQUEST | DECIDING
        self.answers: dict[str, type[Document]] = {
            "/v1/status": site.Status,
            "/v1/cameras": site.Cameras,
            "/v1/procedures": office.Procedures,
            "/v1/requests": office.RequestShow,
        }
        for method in ("get", "post", "follow"):
            monkeypatch.setattr(DaemonClient, method, getattr(self, method))

    def get(self, path: str, **_: Any) -> bytes:
        return self._answer(path)

    def post(self, path: str, body: bytes = b"", kind: str | None = None) -> bytes:
        self.kinds.append(kind)
        self.posted.append((path, body if kind else json.loads(body)))
        return self._answer(path)

    def follow(self, path: str, body: bytes, _progress: object) -> bytes:
        return self.post(path, body)

    def _answer(self, path: str) -> bytes:
        kinds: dict[str, type[Document]] = {
            "scans": office.Scanned,
            "view": office.RequestView,
            "copy": office.RequestCopy,
        }
        kind: type[Document] = self.answers.get(path) or kinds.get(path.rpartition("/")[2], office.RequestShow)
        document = dict(SAMPLES[kind])
        if "request" in document:
            document["request"] = self.request
        return json.dumps(document).encode()

    @property
    def asked(self) -> dict[str, Any]:
        """What was posted last."""
        body: dict[str, Any] = self.posted[-1][1]
        return body


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return Daemon(monkeypatch)


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Somebody sits at the terminal and types these lines."""

    def lines(text: str) -> None:
        source = io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8")
        monkeypatch.setattr(source, "isatty", lambda: True, raising=False)
        monkeypatch.setattr("sys.stdin", source)

    return lines


def run(*words: str) -> int:
    return main(["--socket", "/nowhere", "request", *words])


# --- acts -------------------------------------------------------------------------------------------------------------

ACTS: Final[dict[str, tuple[str, ...]]] = {
    "supplement": ("--complete",),
    "check": ("identity", "符合"),
    "sign": (),
    "return": ("--to", "1", "--reason", "x"),
    "grant": ("--yes",),
    "refuse": ("--reason", "x"),
    "withdraw": (),
    "reply": (),
    "appoint": ("--at", "2026-12-01 14:00"),
    "view": ("--cut",),
    "copy": ("--keep",),
    "receipt": ("--receiver", "林美惠", "--identity", "身分證", "--medium", "光碟"),
    "destroyed": (),
    "close": (),
}


@pytest.mark.parametrize("verb", ACTS)
def test_each_act_is_upon_what_was_seen(daemon: Daemon, verb: str) -> None:
    assert run(verb, "115-0042", *ACTS[verb]) == exit_codes.OK
    assert daemon.posted[-1][0] == f"/v1/requests/115-0042/{verb}"
    assert daemon.asked["version"] == REQUEST["version"]
    assert run(verb, "115-0042", *ACTS[verb], "--version", "3") == exit_codes.OK
    assert daemon.asked["version"] == 3


@pytest.mark.parametrize(
    ("words", "post"),
    [
        (("sign",), "審核人員"),
        (("sign", "--post", "分局長"), "分局長"),
        (("grant", "--yes"), "分局長"),
        (("refuse", "--reason", "x"), "分局長"),
        (("return", "--to", "專責人員", "--reason", "x"), "審核人員"),
        (("reply", "--extend", "--reason", "x"), "審核人員"),
        (("supplement", "--until", "115.12.01", "--reason", "x"), "審核人員"),
    ],
)
def test_the_post_is_the_one_that_can_be_meant(daemon: Daemon, words: tuple[str, ...], post: str) -> None:
    verb, *more = words
    assert run(verb, "115-0042", *more) == exit_codes.OK
    assert daemon.asked["signer"]["post"] == post
    assert (daemon.asked["signer"]["person"], daemon.asked["signer"]["by_word"]) == (None, False)


def test_what_is_kept_is_approved_by_whoever_is_next_for_that(daemon: Daemon) -> None:
    step = {"kind": "decide", "unit": "office"}
    daemon.request |= {
        "keeping": [
            step | {"post": "主任", "signed": [SIGNED], "lacking": []},
            step | {"post": "局長", "signed": [], "lacking": [""]},
        ]
    }
    assert run("sign", "115-0042", "--keep") == exit_codes.OK
    assert (daemon.asked["keeping"], daemon.asked["signer"]["post"]) == (True, "局長")


def test_the_signature_of_what_was_granted_by_word_is_that_of_who_decided(daemon: Daemon) -> None:
    daemon.request |= {"next": "", "word_pending": True}
    assert run("sign", "115-0042") == exit_codes.OK
    assert daemon.asked["signer"]["post"] == "分局長"


def test_where_no_signature_is_next_nothing_is_sent(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.request |= {"next": ""}
    assert run("sign", "115-0042") == exit_codes.FAILED
    assert daemon.posted == []
    assert "no signature is next in 115-0042\n  → what is to be done: answer whoever asked" in capsys.readouterr().err


def test_paper_comes_with_its_scan_which_is_sent_first(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "paper.pdf").write_bytes(PDF)
    paper = ("--paper", "outside", "--day", "115.11.25", "--scan", str(tmp_path / "paper.pdf"))
    assert run("sign", "115-0042", "--post", "申請人", *paper) == exit_codes.OK
    scan, signature = daemon.posted
    assert (scan, daemon.kinds[0]) == (("/v1/requests/115-0042/scans", PDF), "application/pdf")
    signer = signature[1]["signer"]
    assert signer | {"unit": ""} == {
        "post": "申請人",
        "unit": "",
        "person": 0,
        "day": "2026-11-25",
        "scan": SAMPLES[office.Scanned]["scan"],
        "by_word": False,
        "authorised": False,
    }


def test_what_is_said_by_telephone_names_who_said_it(daemon: Daemon) -> None:
    assert run("grant", "115-0042", "--yes", "--word", "3", "--day", "2026-11-25", "--authorised") == exit_codes.OK
    signer = daemon.asked["signer"]
    assert (signer["person"], signer["by_word"], signer["authorised"]) == (3, True, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--paper", "3"], "--day: say which date is on the paper"),
        (["--paper", "3", "--word", "4", "--day", "115.11.25"], "leave one of the two out"),
        (["--day", "115.11.25"], "--day and --scan belong to --paper or --word"),
        (["--paper", "wang", "--day", "115.11.25"], "is no person: write a number of `edgectl person list`, or"),
        (["--paper", "3", "--day", "115.11.31"], "write a day such as 115.11.25"),
        (["--post", ""], "it is empty: write something"),
    ],
)
def test_signers_that_cannot_be_are_wrong_usage(
    daemon: Daemon, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("sign", "115-0042", *words) == exit_codes.USAGE
    assert said in " ".join(capsys.readouterr().err.split())
    assert daemon.posted == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04 a document", "is neither a PDF nor a JPEG picture"),
        (b"", "is neither a PDF nor a JPEG picture"),
        (b"%PDF-" + bytes(office.SCAN_MAX), "is larger than 10 MB"),
        (None, "cannot be read"),
    ],
    ids=["kind", "empty", "large", "missing"],
)
def test_a_scan_that_is_none_is_refused_before_it_is_sent(
    daemon: Daemon, data: bytes | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "paper"
    if data is not None:
        file.write_bytes(data)
    assert run("sign", "115-0042", "--paper", "3", "--day", "115.11.25", "--scan", str(file)) == exit_codes.USAGE
    assert said in capsys.readouterr().err
    assert daemon.posted == []


def test_a_number_makes_no_other_path(daemon: Daemon) -> None:
    for number in ("../pins", "115/0042", "", "１１５", "a?b"):
        assert run("show", number) == exit_codes.USAGE
    assert daemon.posted == []


# --- checks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "check", "outcome"),
    [
        (("identity", "符合"), "identity", "符合"),
        (("身分證明文件", "2"), "identity", "不符"),
        (("5", "4", "--document", "刑事訴訟法"), "third-persons", "依法得提供"),
    ],
)
def test_checks_and_outcomes_go_by_words_or_numbers(
    daemon: Daemon, typed: tuple[str, ...], check: str, outcome: str
) -> None:
    assert run("check", "115-0042", *typed) == exit_codes.OK
    assert (daemon.asked["check"], daemon.asked["outcome"]) == (check, outcome)


@pytest.mark.parametrize("typed", [("9", "1"), ("identity", "對"), ("identity", "3"), ("0", "1"), ("指紋", "1")])
def test_what_is_no_check_or_outcome_is_told_with_those_there_are(
    daemon: Daemon, typed: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check", "115-0042", *typed) == exit_codes.USAGE
    assert "is none of them: write 1 " in " ".join(capsys.readouterr().err.split())
    assert daemon.posted == []


def test_outcomes_of_a_check_are_listed(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "115-0042", "third-persons") == exit_codes.OK
    told = capsys.readouterr().out.split()
    assert told[told.index("無") - 1 :][:6] == ["1", "無", "2", "已縮小", "3", "已遮蔽"]
    assert daemon.posted == []


def test_a_second_person_sees_the_paper_and_not_who_asked(
    daemon: Daemon, typing: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.request = REQUEST
    chain = [REQUEST["chain"][0] | {"signed": [SIGNED | {"by": {"person": 9, "name": "林美惠"}, "door": "paper"}]}]
    daemon.request = REQUEST | {"chain": chain + REQUEST["chain"][1:]}
    typing("y\n")
    assert run("check", "115-0042", "--paper") == exit_codes.OK
    shown, _, _ = capsys.readouterr().out.partition("Have you seen")
    assert all(
        word in shown for word in ("115-0042", "side-door", "2026-11-20 14:00:00", "分局長", "王國華", "115.11.27")
    )
    assert "林美惠" not in shown
    assert daemon.asked == {"version": 17, "check": None, "outcome": "", "document": ""}
    typing("\n")
    assert run("check", "115-0042", "--paper") == exit_codes.FAILED
    assert len(daemon.posted) == 1


@pytest.mark.parametrize("words", [("check", "--paper"), ("grant",), ("copy", "--out", "."), ("view", "--end")])
def test_where_nobody_can_be_asked_nothing_is_done(daemon: Daemon, words: tuple[str, ...]) -> None:
    verb, *more = words
    assert run(verb, "115-0042", *more) == exit_codes.USAGE
    assert daemon.posted == []


# --- what is granted --------------------------------------------------------------------------------------------------


def test_all_that_is_asked_for_and_may_be_had_is_granted(
    daemon: Daemon, typing: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.request |= {"may": ["view"]}
    typing("y\n")
    assert run("grant", "115-0042") == exit_codes.OK
    assert (daemon.asked["uses"], daemon.asked["scope"]) == (["view"], REQUEST["asked"])
    shown = capsys.readouterr().out
    assert shown.index("not granted of what was asked for: a copy") < shown.index("Grant it, by the post 分局長?")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--camera", "lobby"], [("lobby", "06:00", "07:30")]),
        (["--from", "06:10", "--to", "06:20"], [("lobby", "06:10", "06:20"), ("side-door", "06:10", "06:20")]),
        (
            ["--camera", "lobby", "--from", "06:10", "--to", "06:20", "--from", "07:00", "--to", "07:10"],
            [("lobby", "06:10", "06:20"), ("lobby", "07:00", "07:10")],
        ),
        (
            [
                *("--camera", "lobby", "--from", "06:10", "--to", "06:20"),
                *("--camera", "side-door", "--from", "07:00", "--to", "07:10"),
            ],
            [("lobby", "06:10", "06:20"), ("side-door", "07:00", "07:10")],
        ),
    ],
)
def test_a_part_of_it_is_named_by_cameras_and_times(
    daemon: Daemon, words: list[str], parts: list[tuple[str, str, str]]
) -> None:
    typed = [f"2026-11-20T{word}:00Z" if word[:2] in ("06", "07") else word for word in words]
    assert run("grant", "115-0042", "--yes", *typed) == exit_codes.OK
    found = [(one["camera"], one["start"][11:16], one["end"][11:16]) for one in daemon.asked["scope"]]
    assert found == parts


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--camera", "garage"], 'there is no camera "garage" in this request: write one of lobby, side-door'),
        (["--from", "-2h"], "--from and --to come in pairs"),
        (["--from", "-1h", "--to", "-2h"], "--from must be earlier than --to"),
        (["--from", "115-11-20", "--to", "now"], "民國115 is written as 2026 here"),
    ],
)
def test_a_part_that_is_none_is_wrong_usage(
    daemon: Daemon, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("grant", "115-0042", "--yes", *words) == exit_codes.USAGE
    assert said in " ".join(capsys.readouterr().err.split())
    assert daemon.posted == []


@pytest.mark.parametrize("changes", [{"may": []}, {"uses": []}, {"asked": []}])
def test_a_grant_of_nothing_is_no_refusal(daemon: Daemon, changes: dict[str, Any]) -> None:
    daemon.request |= changes
    assert run("grant", "115-0042", "--yes") == exit_codes.FAILED
    assert daemon.posted == []


@pytest.mark.parametrize(
    ("to", "step"), [("1", 0), ("專責人員", 1), ("2", 1), ("審核人員", None), ("9", None), ("課長", None)]
)
def test_it_is_returned_to_a_step_by_number_or_post(daemon: Daemon, to: str, step: int | None) -> None:
    twice = [*daemon.request["chain"], daemon.request["chain"][2]]
    daemon.request |= {"chain": twice}
    code = run("return", "115-0042", "--to", to, "--reason", "x")
    assert code == (exit_codes.USAGE if step is None else exit_codes.OK)
    assert [body["to"] for _, body in daemon.posted] == ([] if step is None else [step])


@pytest.mark.parametrize("name", ["phone", "申請人 聯絡電話", "聯絡電話"])
def test_a_field_goes_by_its_name_or_by_the_words_of_the_annex(daemon: Daemon, name: str) -> None:
    assert run("supplement", "115-0042", "--field", f"{name}=02-2345-6789", "--complete") == exit_codes.OK
    assert daemon.asked["fields"] == {"phone": "02-2345-6789"}


@pytest.mark.parametrize("typed", ["phone", "fax=1", "=1"])
def test_a_field_that_is_none_is_wrong_usage(daemon: Daemon, typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("close", "115-0042", "--field", typed) == exit_codes.USAGE
    assert "--field: " in capsys.readouterr().err
    assert daemon.posted == []


# --- the reply and the close ------------------------------------------------------------------------------------------


def test_a_reply_tells_its_letter_and_its_way(daemon: Daemon) -> None:
    assert run("reply", "115-0042", "--letter", "北市警字第1號", "--by", "exchange") == exit_codes.OK
    assert (daemon.asked["letter"], daemon.asked["delivery"]) == ("北市警字第1號", "exchange")


@pytest.mark.parametrize("words", [("--letter", "1"), ("--by", "mail")])
def test_a_lengthened_time_has_no_letter(daemon: Daemon, words: tuple[str, ...]) -> None:
    assert run("reply", "115-0042", "--extend", "--reason", "x", *words) == exit_codes.USAGE
    assert daemon.posted == []


@pytest.mark.parametrize(
    ("typed", "words", "filed_as"),
    [("115/0501/1\n", (), "115/0501/1"), ("\n", (), ""), ("", ("--file-number", "7"), "7"), ("", ("--json",), "")],
)
def test_the_close_asks_for_the_number_of_the_file(
    daemon: Daemon,
    typing: Callable[[str], None],
    typed: str,
    words: tuple[str, ...],
    filed_as: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    daemon.request = REQUEST | {"fields": [one for one in FIELDS if one["value"]]}
    typing(typed)
    assert run("close", "115-0042", *words) == exit_codes.OK
    assert daemon.asked["filed_as"] == filed_as
    shown = capsys.readouterr().out
    assert ("檔號 of its file" in shown) == bool(typed)
    if "--json" not in words:
        assert shown.splitlines()[-1] == "Print its file: edgectl request print 115-0042 --paper case-file"


def test_the_close_asks_for_what_the_form_has_filled_in_afterwards(
    daemon: Daemon, typing: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """What is left empty is told as the finding that it is."""
    daemon.request = REQUEST | {"filed_as": "7"}
    typing("已會同閱覽\n")
    assert run("close", "115-0042") == exit_codes.OK
    assert daemon.asked["fields"] == {"handling": "已會同閱覽"}
    typing("\n")
    assert run("close", "115-0042") == exit_codes.OK
    assert daemon.asked["fields"] == {}
    told = " ".join(capsys.readouterr().out.split())
    assert "closed with fields of its form empty, which is a finding: 申請人 聯絡電話, 辦理情形" in told
    assert run("close", "115-0042", "--field", "辦理情形=x") == exit_codes.OK
    assert daemon.asked["fields"] == {"handling": "x"}


def test_the_day_is_asked_for_where_no_clock_tells_it(
    daemon: Daemon, typing: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it is known that the daemon wants one, and with all else that was typed."""
    untyped = CallError(message("office.day-untyped", "say which day it is"), "", exit_codes.FAILED)

    def post(path: str, body: bytes = b"", kind: str | None = None) -> bytes:
        answer = daemon.post(path, body, kind)
        if json.loads(body)["day"] is None:
            raise untyped
        return answer

    monkeypatch.setattr(DaemonClient, "post", staticmethod(post))
    typing("soon\n115.11.26\n")
    assert run("reply", "115-0042", "--letter", "1") == exit_codes.OK
    assert (daemon.asked["day"], daemon.asked["letter"]) == ("2026-11-26", "1")
    assert run("reply", "115-0042", "--json") == exit_codes.FAILED


def test_a_file_that_has_its_number_is_not_asked_for_again(daemon: Daemon, typing: Callable[[str], None]) -> None:
    daemon.request |= {"filed_as": "7"}
    typing("8\n")
    assert run("close", "115-0042") == exit_codes.OK
    assert daemon.asked["filed_as"] == ""


def test_a_request_is_shown_with_its_letter_and_its_file(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.request |= {"replied": "2026-12-02", "letter": "北市警字第1號", "delivery": "mail", "filed_as": "115/7"}
    assert run("show", "115-0042") == exit_codes.OK
    shown = capsys.readouterr().out
    assert "Answered 115.12.02: 北市警字第1號, by mail" in shown
    assert "File (檔號): 115/7" in shown


# --- viewing and copying ----------------------------------------------------------------------------------------------


def test_a_viewing_is_opened_with_who_is_there(daemon: Daemon) -> None:
    daemon.request = REQUEST
    assert run("view", "115-0042", "--companion", "4", "--present", "林美惠", "--present", "林志明") == exit_codes.OK
    asked = daemon.asked
    assert (asked["step"], asked["companion"], asked["present"]) == ("open", 4, ["林美惠", "林志明"])
    assert asked["scope"] is None, "all that was granted"


@pytest.mark.parametrize(("answer", "confirmed"), [("y", True), ("n", False)])
def test_at_its_end_somebody_says_that_nobody_filmed(
    daemon: Daemon, typing: Callable[[str], None], answer: str, confirmed: bool
) -> None:
    typing(f"{answer}\n")
    assert run("view", "115-0042", "--end") == exit_codes.OK
    assert (daemon.asked["step"], daemon.asked["not_filmed"]) == ("end", confirmed)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--present", "x"],
        ["--end", "--cut"],
        ["--here", "--companion", "4"],
        ["--not-filmed"],
        ["--cut", "--not-filmed"],
    ],
)
def test_a_viewing_takes_one_step_at_a_time(daemon: Daemon, words: list[str]) -> None:
    assert run("view", "115-0042", *words) == exit_codes.USAGE
    assert daemon.posted == []


def test_a_copy_is_planned_agreed_to_and_goes_on_as_an_export(
    daemon: Daemon, typing: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.request = REQUEST
    begun: list[tuple[Path, str]] = []

    def copied(_session: object, out: Path, one: exports.Copied, _plan: object) -> int:
        begun.append((out, one.id))
        return exit_codes.OK

    monkeypatch.setattr(export, "copied_into", copied)
    monkeypatch.setattr(export, "fit", lambda *_: None)
    typing("n\n")
    assert run("copy", "115-0042", "--out", str(tmp_path)) == exit_codes.FAILED
    assert [body["dry_run"] for _, body in daemon.posted] == [True]
    typing("y\n")
    assert run("copy", "115-0042", "--out", str(tmp_path), "--max-file", "1GB") == exit_codes.OK
    assert [body["dry_run"] for _, body in daemon.posted] == [True, True, False]
    assert daemon.asked["max_file_bytes"] == 10**9
    assert begun == [(tmp_path, SAMPLES[office.RequestCopy]["export"]["id"])]


def test_what_is_kept_makes_no_folder(daemon: Daemon) -> None:
    assert run("copy", "115-0042", "--keep", "--asks", "--field", "purpose=x") == exit_codes.OK
    asked = daemon.asked
    assert (asked["keep"], asked["asks"], asked["dry_run"], asked["fields"]) == (True, True, False, {"purpose": "x"})


@pytest.mark.parametrize("words", [[], ["--keep", "--out", "."], ["--asks", "--out", "."], ["--keep", "--dry-run"]])
def test_a_copy_leaves_or_is_kept(daemon: Daemon, words: list[str]) -> None:
    assert run("copy", "115-0042", *words) == exit_codes.USAGE
    assert daemon.posted == []


def test_the_secrecy_of_a_copy_is_told_with_its_end(daemon: Daemon) -> None:
    daemon.request = REQUEST
    secret = ("--secrecy", "機密", "--declassify", "本案結案後解密")
    assert run("copy", "115-0042", "--dry-run", *secret) == exit_codes.OK
    assert (daemon.asked["secrecy"], daemon.asked["declassify"]) == ("機密", "本案結案後解密")
    for words in (secret[:2], secret[2:], ("--secrecy", "普通", *secret[2:]), (*secret[:3], "")):
        assert run("copy", "115-0042", "--dry-run", *words) == exit_codes.USAGE
    assert run("copy", "115-0042", "--keep", *secret) == exit_codes.USAGE
    assert len(daemon.posted) == 1


# --- copies, once they are made ---------------------------------------------------------------------------------------

UNSIGNED: Final = COPY | {"receipt": None}
NOTHING: Final = UNSIGNED | {"id": "E-20261202-3BBB", "ours": "destroyed"}
KEPT: Final = COPY | {"id": "E-20261202-5CCC"}
OTHER: Final = COPY | {"id": "E-20261202-7AAA", "ours": "destroyed"}
TAKEN: Final = ("--receiver", "林美惠", "--identity", "身分證", "--medium", "光碟")


def test_who_takes_a_copy_signs_for_it(daemon: Daemon) -> None:
    daemon.request = REQUEST | {"copies": [OTHER, NOTHING, UNSIGNED]}
    more = ("--fee", "120", "--day", "115.12.02", "--nothing-kept")
    assert run("receipt", "115-0042", *TAKEN, *more) == exit_codes.OK
    assert daemon.asked == {
        "version": 17,
        "receiver": "林美惠",
        "identity": "身分證",
        "medium": "光碟",
        "copy_id": UNSIGNED["id"],
        "day": "2026-12-02",
        "fee": 120,
        "kept": False,
    }


def test_what_a_receipt_lacks_is_asked_for(
    daemon: Daemon, typing: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fee only where the daemon says that somebody pays."""
    daemon.request = REQUEST | {"copies": [UNSIGNED]}
    answers = [CallError(message("office.fee-unsaid", "say what was paid"), "", exit_codes.FAILED)]

    def post(path: str, body: bytes = b"", kind: str | None = None) -> bytes:
        answer = daemon.post(path, body, kind)
        if answers:
            raise answers.pop()
        return answer

    monkeypatch.setattr(DaemonClient, "post", staticmethod(post))
    typing("\n林美惠\n身分證\n-1\n120\n")
    assert run("receipt", "115-0042", *TAKEN[-2:]) == exit_codes.OK
    (_, first), (_, second) = daemon.posted
    assert (first["receiver"], first["identity"], first["medium"], first["fee"]) == ("林美惠", "身分證", "光碟", None)
    assert second == first | {"fee": 120}


@pytest.mark.parametrize("words", [TAKEN[:4], ("--json", *TAKEN[2:]), (*TAKEN, "--fee", "-1"), (*TAKEN[:5], "")])
def test_a_receipt_that_is_half_typed_is_wrong_usage(daemon: Daemon, words: tuple[str, ...]) -> None:
    assert run("receipt", "115-0042", *words) == exit_codes.USAGE
    assert daemon.posted == []


@pytest.mark.parametrize(
    ("words", "copy", "what", "ours"),
    [
        ((), KEPT["id"], "destroyed", True),
        (("--copy", UNSIGNED["id"]), UNSIGNED["id"], "destroyed", True),
        (("--what", "filed", "--copy", OTHER["id"]), OTHER["id"], "filed", True),
        (("--handed-out", "--what", "returned", "--copy", OTHER["id"]), OTHER["id"], "returned", False),
    ],
)
def test_what_has_become_of_a_copy(daemon: Daemon, words: tuple[str, ...], copy: str, what: str, ours: bool) -> None:
    """It is the one of which that is not entered yet."""
    daemon.request = REQUEST | {"copies": [OTHER, UNSIGNED, KEPT], "status": "closed"}
    assert run("destroyed", "115-0042", *words, "--day", "115.12.02") == exit_codes.OK
    told = {"copy_id": copy, "disposal": what, "ours": ours, "day": "2026-12-02"}
    assert daemon.asked == {"version": 17} | told


@pytest.mark.parametrize(
    ("copies", "words", "code", "said"),
    [
        ([], (), exit_codes.FAILED, "nothing was copied for 115-0042\n  → edgectl request copy 115-0042 --out DIR"),
        ([COPY, COPY | {"id": "E-2"}], (), exit_codes.USAGE, "write which one of E-20261201-9QWE, E-2"),
        ([UNSIGNED, NOTHING], (), exit_codes.USAGE, "nobody has signed for E-20261201-9QWE yet"),
        ([COPY], ("--copy", "E-2"), exit_codes.USAGE, '"E-2" is no copy of this request: write one of E-20261201-9QWE'),
        ([COPY], ("--what", "lost"), exit_codes.USAGE, "lost"),
    ],
)
def test_a_copy_that_cannot_be_meant_is_told(
    daemon: Daemon,
    copies: list[Any],
    words: tuple[str, ...],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    daemon.request = REQUEST | {"copies": copies}
    assert run("destroyed", "115-0042", *words) == code
    assert said in capsys.readouterr().err
    assert daemon.posted == []


# --- the form ---------------------------------------------------------------------------------------------------------


def test_a_form_is_asked_for_field_by_field(
    daemon: Daemon, typing: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    person = "115-11-25\n林美惠\nA123456789\n\n\n2\n林志明\n"
    typing(f"1\n{person}機車被撞\n1,3\n申訴\nlobby\n115-11-20 14:00 ~ 15:30\n3\n1、2\n\n")
    assert run("new") == exit_codes.OK
    path, asked = daemon.posted[-1]
    assert path == "/v1/requests"
    assert asked["fields"] == {
        "applied-on": "115-11-25",
        "applicant": "林美惠",
        "applicant-id": "A123456789",
        "applied-by": "委託他人辦理",
        "agent": "林志明",
        "reason": "機車被撞",
        "purpose": "民事求償、其他：申訴",
        "cameras": "lobby",
        "interval": "115-11-20 14:00 ~ 15:30",
        "wanted": "調閱、複製",
    }
    assert (asked["row"], asked["received"], asked["applicant"], asked["number"]) == ("P-public", None, None, "")
    said = capsys.readouterr().out
    assert "The form asks for it; Enter again leaves it empty." in said
    assert "That is none of them." in said, "of two things one may ask for, the third is none"
    assert "lobby 大廳" in said
    assert "115-0042" in said


def test_a_field_that_does_not_apply_is_not_asked_for(daemon: Daemon, typing: Callable[[str], None]) -> None:
    typing("115-11-25\n林\nA1\n1\n1\n撞\n2\n1\n1\n1\n\n")
    assert run("new", "--row", "P-public", "--received", "115.11.24") == exit_codes.OK
    assert daemon.asked["fields"]["applied-by"] == "自行申請"
    assert "agent" not in daemon.asked["fields"]
    assert daemon.asked["received"] == "2026-11-24"


def test_nothing_is_received_before_it_is_confirmed(daemon: Daemon, typing: Callable[[str], None]) -> None:
    typing("115-11-25\n林\nA1\n1\n1\n撞\n2\n1\n1\n1\nn\n")
    assert run("new", "--row", "P-public") == exit_codes.FAILED
    typing("115-11-25\n")
    assert run("new", "--row", "P-public") == 130, "they have gone away"
    assert daemon.posted == []


def test_a_form_comes_from_a_file(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "form.toml"
    fields = 'phone = 1\nwanted = ["調閱", "複製"]\napplied-on = 2026-11-24\n'
    file.write_text(f'row = "P-public"\nreceived = 2026-11-24\n[fields]\n{fields}', "utf-8")
    assert run("new", "--file", str(file)) == exit_codes.OK
    assert daemon.asked == {
        "row": "P-public",
        "received": "2026-11-24",
        "fields": {"phone": "1", "wanted": "調閱、複製", "applied-on": "2026-11-24"},
        "applicant": None,
        "number": "",
        "box": "",
    }
    assert (
        run(
            "receive",
            "115-0007",
            "--box",
            "wenshan-branch",
            "--file",
            str(file),
            "--row",
            "P-police",
            "--received",
            "115.11.25",
        )
        == exit_codes.OK
    )
    assert daemon.posted[-1][0] == "/v1/requests/received"
    assert (daemon.asked["number"], daemon.asked["row"]) == ("115-0007", "P-police")
    assert daemon.asked["received"] == "2026-11-25"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('row = "P-public"\ncolour = 1', 'it has "colour", which no form has'),
        ('row = "P-public"\nfields = 5', "write them below [fields]"),
        ('row = "P-public"\n[fields]\nphone = true', '"phone" is no text'),
        ('row = "P-public"\nreceived = "soon"', 'received: "soon" is no day'),
        ('row = "P-public"\napplicant = 0', "no number of a person"),
        ("[fields]\n", "--row: neither it nor FILE says which procedure it is"),
        ("row = ", "it is neither TOML nor JSON"),
        ("{", "it is neither TOML nor JSON"),
        (b"\xff\xfe", "it is not UTF-8"),
        ("#" * (request_form.FILE_MAX + 1), "it is larger than 1 MB"),
        (
            f'row = "P-public"\n[fields]\napplicant = "{"林" * 4000}"',
            "fields.applicant: it has 4000 characters: write at most 2000",
        ),
    ],
    ids=range(11),
)
def test_a_file_that_is_no_form_is_told(
    daemon: Daemon, content: str | bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "form"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert run("new", "--file", str(file)) == exit_codes.USAGE
    assert said in " ".join(capsys.readouterr().err.split())
    assert daemon.posted == []


def test_without_a_terminal_and_without_a_file_it_is_wrong_usage(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("new", "--row", "P-public") == exit_codes.USAGE
    assert "request new --template" in capsys.readouterr().err
    assert run("new", "--template", "--row", "W-x") == exit_codes.USAGE
    assert "write one of P-public" in capsys.readouterr().err
    assert daemon.posted == []


@pytest.mark.parametrize("read", [Reader("en"), Reader("zh_TW")])
def test_a_template_is_a_form_with_nothing_in_it(read: Reader, tmp_path: Path) -> None:
    one = office.Procedures.model_validate(SAMPLES[office.Procedures]).procedures[0]
    for staff in (False, True):
        file = tmp_path / f"{staff}.toml"
        file.write_text(request_form.template(one.model_copy(update={"staff": staff}), read), "utf-8")
        typed = form_in(file, Typed(applicant=3 if staff else None))
        asked = {field["name"] for field in FIELDS if field["phase"] == "application"}
        assert (typed.row, typed.received, set(typed.fields)) == ("P-public", None, asked)
        assert set(typed.fields.values()) == {""}


@given(st.dictionaries(st.text(min_size=1), st.text()), st.booleans())
def test_whatever_stands_in_a_field_is_read_as_it_is(fields: dict[str, str], bom: bool) -> None:
    form = json.dumps({"row": "P-public", "fields": fields})
    encoded = form.encode("utf-8-sig" if bom else "utf-8")

    class Given(type(Path())):  # type: ignore[misc]
        def open(self, *_: object, **__: object) -> io.BytesIO:
            return io.BytesIO(encoded)

    assert form_in(Given("form"), Typed()).fields == fields


# --- days and screens -------------------------------------------------------------------------------------------------


@given(st.dates(date(1921, 1, 1), date(2910, 12, 31)))
def test_a_day_is_read_as_it_is_stamped(day: date) -> None:
    assert units.parse_day(units.roc_day(day.isoformat())) == day
    assert units.parse_day(day.isoformat()) == day
    assert units.parse_day(f"中華民國{day.year - units.ROC:02}年{day.month}月{day.day}日") == day


@pytest.mark.parametrize("text", ["", "115", "115.13.01", "115.11.31", "0.1.1", "11-25", "115.11.25 14:00", "٣١.1.1"])
def test_what_is_no_day_is_told_with_what_to_write(text: str) -> None:
    with pytest.raises(units.UnitError, match=r"a day such as 115\.11\.25"):
        units.parse_day(text)


def test_a_legal_day_in_a_sentence_is_read_by_the_calendar_of_the_republic() -> None:
    told = office.RequestShow.model_validate(SAMPLES[office.RequestShow]).slip[0].told
    assert str(told) == "received under number 115-0042 on 2026-11-25"
    assert Reader("en")(told) == "received under number 115-0042 on 115.11.25"
    assert "115.11.25" in Reader("zh_TW")(told)


@pytest.mark.parametrize(
    ("left_days", "said"),
    [(2, "2 days left"), (1, "1 day left"), (0, "today"), (-7, "7 days over"), (None, "as soon as possible")],
)
def test_how_long_is_left_counts_days(left_days: int | None, said: str) -> None:
    one = office.ShownDeadline.model_validate(REQUEST["deadline"] | {"left_days": left_days})
    assert Reader()(request_screens._left(one)) == said


def test_whoever_signs_by_a_post_alone_reads_times_without_a_status(daemon: Daemon) -> None:
    """They may not read one: whoever asked for it would be refused after the act was done."""
    del daemon.answers["/v1/status"]
    assert run("show", "115-0042") == 0
    assert run("sign", "115-0042", "--post", "審核人員") == 0
    daemon.answers["/v1/requests"] = office.RequestList
    assert run("list") == 0


def test_the_day_of_receipt_is_asked_for_where_no_clock_tells_it(
    daemon: Daemon, typing: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    status: dict[str, Any] = SAMPLES[site.Status]
    monkeypatch.setitem(status, "clock", status["clock"] | {"synced": False})
    typing("soon\n115.11.25\n115-11-25\n林\nA1\n1\n1\n撞\n2\n1\n1\n1\n\n")
    assert run("new", "--row", "P-public") == exit_codes.OK
    assert daemon.asked["received"] == "2026-11-25"
