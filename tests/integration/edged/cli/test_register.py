"""The register and the statement as people get them: the real daemon, `edgectl`, a file that anybody can check."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from edged.documents import register as documents
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Answer, Daemon

TAIPEI = ZoneInfo("Asia/Taipei")
GONE = 3
MONTH = f"{datetime.now(TAIPEI):%Y-%m}"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One that has destroyed some seconds-old footage for its ceiling."""
    cameras = [Watched("lobby", "test://?size=160x90&fps=5&gop=1", more='name = "大廳"')]
    setup = Setup(cameras, segment="2s", floor="2s", ceiling="4s")
    with Daemon(tmp_path_factory.mktemp("register"), setup) as running:
        running.until(lambda: len(gone(running)) >= GONE, 60, f"{GONE} segments are destroyed")
        yield running


def gone(daemon: Daemon) -> list[documents.DestroyedSegment]:
    document = daemon.ask("/v1/destroyed")
    return [] if document is None else documents.Destroyed.model_validate(document).destroyed


def register(daemon: Daemon, *args: str) -> documents.Destroyed:
    answer = daemon.ctl("destroyed", *args)
    assert answer.code == 0, answer.stderr
    return documents.Destroyed.model_validate(answer.document)


def plain(daemon: Daemon, *args: str) -> Answer:
    return daemon.ctl(*args, json_=False)


def test_the_register_by_when_it_was_destroyed_and_by_when_it_was_recorded(daemon: Daemon) -> None:
    every = register(daemon).destroyed
    assert {(one.camera, one.rule, one.verdict) for one in every} == {("lobby", "ceiling", "as-demanded")}
    assert [one.seq for one in every] == sorted(one.seq or 0 for one in every)
    assert all(re.fullmatch("[0-9a-f]{64}", one.sha256) for one in every)
    second = every[1]
    window = ("--recorded-from", second.start, "--recorded-to", second.end)
    assert [one.seq for one in register(daemon, *window).destroyed if one.seq == second.seq] == [second.seq]
    assert len(register(daemon, *window).destroyed) <= 3, "its neighbours may touch it"
    until = register(daemon, "--to", second.destroyed or "").destroyed
    assert [one.seq for one in until] == [one.seq for one in every if (one.destroyed or "") < (second.destroyed or "")]
    nothing = register(daemon, "--from", "2001-01-01", "--to", "2001-02-01")
    assert (nothing.destroyed, nothing.summary.segments) == ([], 0)


def test_the_summary_on_screen_and_what_is_not_there(daemon: Daemon) -> None:
    screen = plain(daemon, "destroyed")
    assert screen.code == 0
    assert "None of them below its floor." in screen.stdout
    assert "None of them beyond its ceiling." in screen.stdout
    assert "Nothing was destroyed in that time." in plain(daemon, "destroyed", "--to", "2001-01-01").stdout
    refused = daemon.ctl("destroyed", "--camera", "cellar")
    assert (refused.code, refused.document["error"]) == (64, "there is no camera cellar")
    assert daemon.ctl("destroyed", "--csv").code == 64


def test_a_spreadsheet_on_a_chinese_windows_reads_it(daemon: Daemon) -> None:
    code = "import sys; from edged.main.entry import ctl; sys.exit(ctl())"
    command = [sys.executable, "-c", code, "--config", str(daemon.config), "destroyed", "--csv"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=30, env={**os.environ, "LC_ALL": "C"})
    assert done.stdout.startswith(b"\xef\xbb\xbf"), "without it Excel takes it for Big5"
    assert done.stdout.endswith(b"\r\n")
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode("utf-8-sig"), newline="")))
    assert len(rows) >= GONE
    first, told = rows[0], register(daemon).destroyed[0]
    assert (first["攝影機 camera"], first["依據 rule"], first["判定 verdict"]) == (
        "lobby",
        "到期 ceiling",
        "符合 as demanded",
    )
    at = datetime.fromisoformat(told.start).astimezone(TAIPEI)
    assert first["錄影起 recorded from"] == f"{at:%Y-%m-%d %H:%M:%S}"
    assert first["SHA-256"] == told.sha256
    assert "None of them below its floor." in done.stderr.decode()


def test_a_signed_statement_that_anybody_can_check(daemon: Daemon) -> None:
    file = daemon.folder / "statement.json"
    answer = daemon.ctl("proof-of-retention", "--camera", "lobby", "--month", MONTH, "--out", str(file))
    assert answer.code == 0, answer.stderr
    proof = documents.ProofOfRetention.model_validate(answer.document)
    stated = proof.statement
    assert proof.unsigned == ""
    assert stated.head is not None
    assert stated.head.covers
    assert (stated.camera.name, stated.month, stated.over) == ("大廳", MONTH, False)
    assert stated.destroyed.segments >= GONE
    assert (stated.destroyed.below_floor, stated.destroyed.beyond_ceiling) == (0, 0)
    assert stated.configured == documents.Bounded(floor_s=2, ceiling_s=4)
    known = stated.coverage
    assert known.recorded_ms + known.unexplained_ms + sum(one.ms for one in known.causes) == known.known_ms > 0
    checked = daemon.ctl("verify", str(file))
    assert checked.code == 0
    assert {"signed", "head", "agrees", "compare"} <= {line["code"] for line in checked.document["lines"]}
    key = next(line["where"]["key"] for line in checked.document["lines"] if line["code"] == "signed")
    pinned = daemon.ctl("verify", str(file), "--key", key)
    assert "pinned" in {line["code"] for line in pinned.document["lines"]}
    assert daemon.ctl("verify", str(file), "--key", "0" * 64).code == 1
    data = file.read_bytes()
    file.write_bytes(data.replace(b'"sig":"', b'"sig":"A', 1))
    assert daemon.ctl("verify", str(file)).code == 1
    again = daemon.ctl("proof-of-retention", "--camera", "lobby", "--month", MONTH, "--out", str(file))
    assert again.code == 64, "a statement replaces nothing"


def test_the_page_is_chinese_with_dates_of_the_republic_where_the_locale_is(daemon: Daemon) -> None:
    english = plain(daemon, "proof-of-retention", "--camera", "lobby", "--month", MONTH)
    assert english.stdout.startswith("Statement on retention and destruction")
    assert "Not proven by this" in english.stdout
    daemon._environment |= {"LC_ALL": "zh_TW.UTF-8", "TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    chinese = plain(daemon, "proof-of-retention", "--camera", "lobby", "--month", MONTH)
    daemon._environment["LC_ALL"] = "C.UTF-8"
    assert chinese.stdout.startswith("錄影保存及銷毀證明")
    year = datetime.now(TAIPEI).year - 1911
    assert f"民國{year}年{int(MONTH[5:])}月" in chinese.stdout


def test_handing_out_a_statement_is_on_record_and_what_cannot_be_stated_is_refused(daemon: Daemon) -> None:
    acts = daemon.ctl("ledger", "--act", "proof-of-retention").document["ledger"]
    assert acts
    assert {one["body"]["verb"] for one in acts} == {"proof-of-retention"}
    later = datetime.now(UTC) + timedelta(days=62)
    future = daemon.ctl("proof-of-retention", "--camera", "lobby", "--month", f"{later:%Y-%m}")
    assert (future.code, future.document["error"]) == (64, f"{later:%Y-%m} has not begun")
    assert daemon.ctl("proof-of-retention", "--camera", "lobby", "--month", "2026-13").code == 64
    assert daemon.ctl("proof-of-retention", "--camera", "lobby", "--month", "1026-10").code == 64
    assert daemon.ctl("proof-of-retention", "--camera", "cellar", "--month", MONTH).code == 64


def test_a_box_that_lost_its_key_states_and_does_not_sign(daemon: Daemon) -> None:
    """The last: a key is lost for good."""
    daemon.stop()
    (daemon.state / "ledger.key").unlink()
    daemon.start()
    daemon.wait_for_states("recording", ["lobby"])
    file = daemon.folder / "unsigned.json"
    answer = plain(daemon, "proof-of-retention", "--camera", "lobby", "--month", MONTH, "--out", str(file))
    assert answer.code == 1
    assert "NOT SIGNED" in answer.stdout
    assert not file.exists()
