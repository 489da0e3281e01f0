"""The verifier: a genuine export passes, whatever is done to one is found and named, hostile folders do no harm."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edged.cli import main as edgectl
from edged.documents.exports import Manifest, Verify
from edged.evidence import export_manifest, folder, verify
from edged.words import exit_codes
from storage.ledger import note
from tests.integration.edged.evidence import exports, tampering
from tests.integration.edged.evidence.exports import Export, point, rfc3339, wall
from tests.integration.edged.evidence.tampering import ATTACKS, Attack, pieces

SOURCE: Final = Path(verify.__file__)
PYTHONS: Final = [sys.executable, "/usr/bin/python3"]
"""Ours, and Debian's with python3-cryptography."""
KEY: Final = exports.KEY.public_key().public_bytes_raw()


@pytest.fixture(scope="module")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> Export:
    return exports.genuine(tmp_path_factory.mktemp("genuine") / "E")


@pytest.fixture
def export(genuine: Export, tmp_path: Path) -> Export:
    """To be tampered with."""
    return genuine.copied(tmp_path / "E")


def check(root: Path, pinned: set[str] | None = None) -> verify.Check:
    return verify.Check(verify.Folder(root), pinned).run()


def said(found: verify.Check, sign: str) -> list[str]:
    return [code for code, _ in found.lines if verify.SENTENCES[code][0] == sign]


def where(found: verify.Check, code: str) -> list[dict[str, Any]]:
    return [told for name, told in found.lines if name == code]


def run(*arguments: str | Path, python: str = sys.executable, program: Path = SOURCE) -> tuple[int, str, str]:
    done = subprocess.run(
        [python, "-I", str(program), *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def without_last(export: Export) -> Any:
    """The film of the lobby ends where the gap begins; the segment behind it."""
    last = export.camera()["segments"].pop()
    export.edit("lobby.mp4", lambda film: film[: last["at"]])
    export.edit("lobby.vtt", lambda cues: cues[: cues.index(b"\n00:00:10")])
    export.camera()["to"] = rfc3339(wall(10))
    return last


# --- what is genuine


def test_a_genuine_export_is_proven(genuine: Export) -> None:
    found = check(genuine.root)
    assert said(found, "x") == []
    proven = ["signed", "whole", "ledger", *["original", "timed", "complete"] * 2, "copied"]
    assert said(found, "+") == proven
    assert said(found, "!") == ["compare", "zone", "earlier", "gap", "pauses", "destroyed"]
    assert where(found, "zone") == [{"zone": "Asia/Taipei", "offset": "+08:00"}]
    assert where(found, "complete") == [
        {"camera": camera, "name": name, "begin": "2026-05-01 08:00:00.000", "end": "2026-05-01 08:00:18.000", **spent}
        for camera, name, spent in (
            ("lobby", "大廳", {"recorded": "0:00:13.0", "missing": "0:00:05.0", "destroyed": "0:00:00.0"}),
            ("gate", "側門", {"recorded": "0:00:12.5", "missing": "0:00:02.5", "destroyed": "0:00:03.0"}),
        )
    ]


@pytest.mark.parametrize("python", PYTHONS)
def test_the_file_in_the_folder_says_so_in_both_languages(genuine: Export, python: str) -> None:
    code, text, complaint = run(python=python, program=genuine.root / "verify.py")
    assert (code, complaint) == (exit_codes.OK, "")
    for line in verify.report(check(genuine.root))["lines"]:
        assert line["zh"] in text
        assert line["en"] in text
    assert all(zh in text and en in text for zh, en in verify.LIMITS)
    code, text, _ = run(genuine.root, "--lang", "en", python=python)
    assert code == exit_codes.OK
    assert text.splitlines()[0] == "Nothing wrong was found"


@pytest.mark.parametrize("python", PYTHONS)
def test_it_prints_a_document(export: Export, python: str) -> None:
    export.edit("lobby.mp4", lambda film: tampering.flip(film, len(film) // 2))
    code, text, _ = run(export.root, "--json", python=python)
    told = Verify.model_validate_json(text)
    assert code == exit_codes.FAILED
    assert not told.intact
    assert [line.code for line in told.lines if line.sign == "x"] == ["content", "part-changed"]
    (line,) = (line for line in told.lines if line.code == "part-changed")
    assert line.where["begin"] < line.where["end"]  # type: ignore[operator]
    assert "2026-05-01 08:00:0" in line.zh


def test_the_request_by_which_it_was_made_is_proven(tmp_path: Path) -> None:
    """It stands in each subtitle, on the list and in the ledger; a list from before the office has none."""
    made = exports.genuine(tmp_path / "E", request="115-0007")
    assert said(check(made.root), "x") == []
    cues = (made.root / "lobby.vtt").read_text("utf-8").split("\n\n")[1:]
    clock = [cue for cue in cues if "position:0%" in cue]
    assert len(clock) >= 13
    assert all("　申請案號 115-0007" in cue for cue in clock)
    listed = json.loads((made.root / "proof/manifest.json").read_bytes())
    assert (listed["office_request"], listed["office_row"]) == ("115-0007", exports.ROW)
    for name in ("office_request", "office_row"):
        del made.manifest[name]
    made.seal()
    assert set(said(check(made.root), "x")) == {"damaged", "copy"}


def test_of_a_salvaged_segment_the_last_fragment_may_lie_behind_what_was_asked_for(tmp_path: Path) -> None:
    """No index behind it tells that it is the last. What was asked for must be there all the same."""
    made = exports.genuine(tmp_path / "E", salvaged_s=0.5)
    last = made.camera("gate")["segments"][-1]
    leaf = json.loads(made.ledger.leaves[last["leaf"] - 1])["b"]
    assert (last["first_part"], last["last_part"]) == (1, leaf["parts"] - 2)
    assert said(check(made.root), "x") == []
    made.manifest["asked"]["to"] = rfc3339(wall(18.499))
    made.seal()
    assert set(said(check(made.root), "x")) == {"cut", "copy"}


def test_a_film_in_several_files_is_proven(tmp_path: Path) -> None:
    """Even where a segment lies in two of them."""
    made = exports.genuine(tmp_path / "E", max_bytes=150_000, whole=True)
    for camera in made.manifest["cameras"]:
        assert len(camera["files"]) > 2
        leaves = [one["leaf"] for one in camera["segments"]]
        assert len(set(leaves)) < len(leaves)
    assert said(check(made.root), "x") == []
    made.camera()["segments"][1]["last_part"] -= 1
    made.seal()
    assert said(check(made.root), "x") == ["part-order"]


def test_a_segment_of_which_no_film_can_be_made_is_there_whole(export: Export) -> None:
    shot = exports.shot("lobby", 42, 4, 6, heard=True)
    last = without_last(export)
    export.write("original/lobby/43.mp4", exports.shot("lobby", 43, 15, 6, heard=True).data)
    export.camera()["loose"] = [{"leaf": last["leaf"], "original": "original/lobby/43.mp4"}]
    export.seal()
    found = check(export.root)
    assert said(found, "x") == []
    export.write("original/lobby/43.mp4", shot.data)
    export.seal()
    assert said(check(export.root), "x") == ["source"]


def test_where_no_film_could_be_made_of_anything_the_copy_is_what_its_leaf_says(tmp_path: Path) -> None:
    made = exports.genuine(tmp_path / "E", whole=True)
    for camera in made.manifest["cameras"]:
        for film in camera["files"]:
            (made.root / film["path"]).unlink()
            (made.root / film["subtitles"]).unlink()
        camera["loose"] = [{"leaf": one["leaf"], "original": one["original"]} for one in camera["segments"]]
        camera["segments"], camera["files"] = [], []
        made.write(camera["hashes"], b"")
    made.seal()
    found = check(made.root)
    assert "copied" in said(found, "+")
    assert "copy" not in said(found, "x")


def test_times_from_before_the_clock_was_in_sync_are_put_right_by_the_ledger(genuine: Export, tmp_path: Path) -> None:
    """The box believed it was 1970; one epoch later it knew better."""
    export = genuine.copied(tmp_path / "E")
    wrong_ms = exports.START_MS - 3_600_000

    def wrong(at: dict[str, Any]) -> dict[str, Any]:
        return at | {"wall_ms": at["wall_ms"] - wrong_ms}

    for camera in export.manifest["cameras"]:
        for kind in ("segments", "gaps", "destroyed"):
            for one in camera[kind]:
                body = json.loads(export.ledger.leaves[one["leaf"] - 1])["b"]
                more = {"synced": False} if kind == "segments" else {}
                ends = {"end": wrong(body["end"])} if kind == "gaps" else {}
                export.tell(one["leaf"], start=wrong(body["start"]), **ends, **more)
    exports.name_anew(export)
    offset_ms = exports.START_MS - 900_000
    body = {"what": "corrected", "epoch": 1, "boot": exports.BOOT, "id": exports.BOOT_ID, "wall_ms": 0}
    number = export.ledger.enter("clock", body | {"boottime_ms": 0, "true_offset_ms": offset_ms})
    export.seal()
    assert {"times", "hole"} <= set(said(check(export.root), "x"))
    export.manifest["clock"] = [number]
    export.seal()
    found = check(export.root)
    assert said(found, "x") == []
    assert [(told["camera"], told["begin"][11:19], told["end"][11:19]) for told in where(found, "unsynced")] == [
        ("lobby", "07:59:58", "08:00:10"),
        ("lobby", "08:00:15", "08:00:21"),
        ("gate", "08:00:03", "08:00:19"),
    ]


def test_what_somebody_should_know_is_said(export: Export) -> None:
    """An adopted file; a gap that was written down after what follows it."""
    lobby = export.camera()
    segment, gap = lobby["segments"][2]["leaf"], lobby["gaps"][0]["leaf"]
    leaves = export.ledger.leaves
    bodies = {number: json.loads(leaves[number - 1])["b"] for number in (segment, gap)}
    gone = export.ledger.enter("gap", bodies[gap])
    export.tell(segment, unproven=True)
    lobby["gaps"][0]["leaf"] = gone
    export.manifest["copy"] = export.ledger.enter("copy", json.loads(leaves[export.manifest["copy"] - 1])["b"])
    export.seal()
    found = check(export.root)
    assert said(found, "x") == []
    span = {"begin": "2026-05-01 08:00:10.000", "end": "2026-05-01 08:00:15.000"}
    assert where(found, "late") == [{"camera": "lobby", "name": "大廳", "leaf": gone, **span}]
    assert [told["begin"] for told in where(found, "unproven")] == ["2026-05-01 08:00:15.000"]


def test_what_was_recorded_while_the_clock_was_off_accounts_for_its_time(export: Export) -> None:
    """It was not asked for, and is not in the copy; without it something would seem to have been taken away."""
    exports.set_meanwhile(export, -3_600_000)
    found = check(export.root)
    assert said(found, "x") == []
    span = {"begin": "2026-05-01 07:00:10.000", "end": "2026-05-01 07:00:15.000"}
    assert where(found, "beside") == [{"camera": "lobby", "name": "大廳", "count": 1, **span}]
    export.camera()["beside"] = []
    export.seal()
    assert said(check(export.root), "x") == ["hole"]


def test_what_was_asked_for_must_be_in_the_copy(export: Export) -> None:
    exports.set_meanwhile(export, 0)
    found = check(export.root)
    assert said(found, "x") == ["absent"]
    assert where(found, "absent")[0]["begin"] == "2026-05-01 08:00:10.000"


def test_a_gap_that_still_lasts_accounts_for_the_time_until_it_was_seen(export: Export) -> None:
    without_last(export)
    gap = export.camera()["gaps"][0]
    export.tell(gap["leaf"], end=None)
    export.seal()
    assert {"hole", "times"} <= set(said(check(export.root), "x"))
    export.tell(gap["leaf"], end=None, until=point(30))
    gap["to"] = rfc3339(wall(30))
    export.edit("lobby.vtt", lambda cues: cues.replace(b"08:00:15", b"08:00:30"))
    export.seal()
    assert said(check(export.root), "x") == []


def test_litter_of_a_computer_is_named_and_forgiven(export: Export) -> None:
    for path in ("Thumbs.db", "Desktop.ini", "proof/.DS_Store", "._lobby.mp4"):
        export.write(path, b"x")
    found = check(export.root)
    assert said(found, "x") == []
    assert [told["file"] for told in where(found, "litter")] == [
        "._lobby.mp4",
        "Desktop.ini",
        "Thumbs.db",
        "proof/.DS_Store",
    ]
    for path in ("desktop.mp4", "._secret.mp4"):
        export.write(path, b"x")
    assert [told["file"] for told in where(check(export.root), "added")] == ["._secret.mp4", "desktop.mp4"]


def test_who_reads_it_may_stop_before_its_end(genuine: Export) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-I", str(SOURCE), str(genuine.root)]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (exit_codes.OK, "")


# --- what is not


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_what_was_done_is_found_and_named(export: Export, attack: Attack) -> None:
    attack.do(export)
    found = check(export.root)
    assert attack.codes <= set(said(found, "x"))
    assert found.faults


def test_what_is_wrong_is_named_with_place_and_time(export: Export) -> None:
    export.edit("lobby.mp4", lambda film: tampering.without(film, 9, 10))
    lost = {"file": "lobby.mp4", "first": 1, "last": 2}
    assert where(check(export.root), "part-missing") == [
        lost | {"begin": "2026-05-01 08:00:04.000", "end": "2026-05-01 08:00:04.923"}
    ]


def test_files_of_two_exports_do_not_pass(export: Export, tmp_path: Path) -> None:
    other = exports.genuine(tmp_path / "other", key=exports.OTHER_KEY, export="E-20260502-AAAA")
    mixed = {
        "proof/leaves.jsonl": {"content", "leaf"},
        "proof/checkpoint.txt": {"content", "head"} - {"head"},
        "proof/key.txt": {"content", "other-key"},
        "index.html": {"content"},
        "proof/manifest.json": {"edited"},
        "proof/manifest.dsse.json": {"edited", "content"},
    }
    for path, codes in mixed.items():
        data = (export.root / path).read_bytes()
        export.write(path, (other.root / path).read_bytes())
        told = set(said(check(export.root), "x"))
        assert codes <= told | ({"content"} if "length" in told else set()), path
        export.write(path, data)
    assert said(check(export.root), "x") == []


def test_all_of_it_made_anew_with_another_key_is_found_by_who_knows_the_key(tmp_path: Path) -> None:
    forged = exports.genuine(tmp_path / "E", key=exports.OTHER_KEY)
    assert said(check(forged.root), "x") == []
    assert "compare" in said(check(forged.root), "!")
    assert said(check(forged.root, {verify.fingerprint(KEY)}), "x") == ["not-your-key"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_bit_of_the_folder_can_be_changed(export: Export, data: st.DataObject) -> None:
    paths = sorted(str(path.relative_to(export.root)) for path in export.root.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(paths))
    before = (export.root / path).read_bytes()
    at, bit = data.draw(st.integers(0, len(before) - 1)), data.draw(st.integers(0, 7))
    try:
        export.write(path, before[:at] + bytes([before[at] ^ 1 << bit]) + before[at + 1 :])
        assert check(export.root).faults
        export.write(path, before[:at])
        assert check(export.root).faults
    finally:
        export.write(path, before)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_fragments_in_any_other_order_are_found(export: Export, data: st.DataObject) -> None:
    """Whoever has the key may sign what comes of it: the ledger knows better."""
    before = (export.root / "lobby.mp4").read_bytes()
    head, *parts, tail = pieces(before)
    order = data.draw(st.lists(st.integers(0, len(parts) - 1), max_size=len(parts) + 2))
    try:
        export.write("lobby.mp4", b"".join([head, *(parts[number] for number in order), tail]))
        export.sign()
        whole = order == list(range(len(parts)))
        assert bool(set(said(check(export.root), "x"))) is not whole
    finally:
        export.write("lobby.mp4", before)
        export.sign()


def test_subtitles_go_by_summer_and_by_winter_time(export: Export) -> None:
    """The clock is put forward at 08:00:10."""
    moment = datetime.fromisoformat(export.manifest["asked"]["to"])
    export.manifest["asked"]["to"] = moment.astimezone(timezone(timedelta(hours=9))).isoformat(timespec="milliseconds")
    export.edit("lobby.vtt", lambda cues: cues.replace(b" 08:00:1", b" 09:00:1"))
    export.seal()
    assert said(check(export.root), "x") == []
    export.edit("lobby.vtt", lambda cues: cues.replace(b" 09:00:1", b" 10:00:1"))
    export.seal()
    assert "subtitles" in said(check(export.root), "x")


# --- hostile folders


@pytest.mark.parametrize("name", ["argparse.py", "base64.py", "struct/__init__.py", "cryptography/__init__.py"])
def test_what_lies_beside_it_is_checked_and_not_run(export: Export, name: str) -> None:
    """As an officer runs it: Python looks for its own libraries beside the program first."""
    export.write(name, b"print('intact')\nraise SystemExit(0)\n")
    done = subprocess.run(
        [PYTHONS[1], "verify.py"], cwd=export.root, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (exit_codes.FAILED, "")
    assert name in done.stdout
    assert "intact" not in done.stdout


def test_a_document_that_is_too_large_is_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("it was"))
    for data in (b"[" * (verify.ITEMS_MAX + 1), b"{}," * verify.ITEMS_MAX):
        with pytest.raises(verify.NotVerified, match="damaged"):
            verify.strict(data, verify.LIST_SHAPE, "list")


def test_no_more_is_hashed_than_lies_there(export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a few lines of a list would make it read the same hashes over and over."""
    export.edit("proof/lobby.hashes", lambda hashes: hashes[:-32])
    export.seal()
    hostile = verify.Check(verify.Folder(export.root))
    hashes = hostile.hashes

    def of_gate(camera: dict[str, Any], one: verify.ProvenRecording) -> list[bytes]:
        assert camera["id"] == "gate", "nothing of this camera is read"
        return hashes(camera, one)

    monkeypatch.setattr(hostile, "hashes", of_gate)
    assert said(hostile.run(), "x") == ["hashes"]


@given(st.binary(max_size=300), st.integers(0, 300))
def test_boxes_that_make_no_sense_are_refused(genuine: Export, noise: bytes, at: int) -> None:
    """Somebody signed them: they are what they should be, and still no film."""
    header = next(iter(genuine.headers.values()))
    for data in (noise, header[: at * 4], header[: at * 4] + noise + header[at * 4 + len(noise) :]):
        for read in (verify.rates, verify.likeness, lambda one: verify.restore(bytearray(one), 1, {"1": 1})):
            with contextlib.suppress(verify.Broken):
                read(data)


def test_a_folder_with_files_without_end_is_refused(export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "FILES_MAX", 30)
    for number in range(20):
        export.write(f"x{number}/Thumbs.db", b"")
    with pytest.raises(ValueError, match="more than 30 files"):
        check(export.root)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_list_in_which_anything_stands_is_answered(export: Export, data: st.DataObject) -> None:
    """Signed or not: a value of another kind, somewhere in it."""
    document = json.loads((export.root / tampering.LIST).read_bytes())
    at: Any = document
    for _ in range(data.draw(st.integers(0, 4))):
        inner = list(at) if isinstance(at, dict) else list(range(len(at)))
        inner = [key for key in inner if isinstance(at[key], dict | list) and at[key]]
        if not inner:
            break
        at = at[data.draw(st.sampled_from(inner))]
    key = data.draw(st.sampled_from(list(at) if isinstance(at, dict) else list(range(len(at)))))
    before = at[key]
    at[key] = data.draw(st.none() | st.booleans() | st.text(max_size=9) | st.integers(-5, 5) | STRANGE)
    kept = [(export.root / path).read_bytes() for path in (tampering.LIST, tampering.ENVELOPE)]
    try:
        payload = export_manifest.canonical(document)
        export.write(tampering.LIST, payload)
        export.write(tampering.ENVELOPE, export_manifest.envelope(payload, exports.signer(exports.KEY)))
        found = check(export.root)
        assert bool(found.faults) or at[key] == before or key in FREE
    finally:
        for path, kept_bytes in zip((tampering.LIST, tampering.ENVELOPE), kept, strict=True):
            export.write(path, kept_bytes)


STRANGE: Final = st.sampled_from([verify.SAFE, -verify.SAFE, "proof/key.txt", "proof/lobby.hashes", [], {}, ["a"]])
FREE: Final = {"node", "office", "site", "software", "timezone", "created", "destroy_by", "name"}
"""What the list alone says, and whoever signs it answers for."""


def test_a_folder_within_itself_and_a_pipe_are_no_trouble(export: Export) -> None:
    (export.root / "loop").symlink_to(export.root)
    os.mkfifo(export.root / "pipe")
    found = check(export.root)
    assert [told["file"] for told in where(found, "link")] == ["loop", "pipe"]


def test_a_name_that_no_terminal_should_see_is_shown_harmlessly(export: Export) -> None:
    (export.root / "a\x1b[2J\n.mp4").write_bytes(b"")
    (export.root / b"b\xff.mp4".decode("utf-8", "surrogateescape")).write_bytes(b"")
    code, text, complaint = run(export.root)
    assert (code, complaint) == (exit_codes.FAILED, "")
    assert "\x1b" not in text
    assert "a?[2J?.mp4" in text


# --- how it is called


def test_the_key_is_named_by_fingerprint_or_file(genuine: Export, tmp_path: Path) -> None:
    fingerprint = verify.fingerprint(KEY)
    spaced = " ".join(fingerprint[at : at + 4] for at in range(0, 64, 4)).upper()
    told = tmp_path / "office.txt"
    told.write_text(f"our key\n{note.Verifier('edged/wenshan-main/ffffffff', KEY)}\n")
    for key in (fingerprint, spaced, str(told)):
        code, text, _ = run(genuine.root, "--key", key)
        assert (code, "That key is the one you named" in text) == (exit_codes.OK, True)
    assert run(genuine.root, "--key", "0" * 64)[0] == exit_codes.FAILED


@pytest.mark.parametrize(
    "arguments",
    [["/nowhere/at/all"], ["--key", "no such file"], ["--what"], ["--key", "proof/key.txt"], ["--key", "README.txt"]],
)
def test_what_is_called_wrongly_is_told_in_one_sentence(genuine: Export, arguments: list[str], tmp_path: Path) -> None:
    if arguments[-1] == "README.txt":
        (tmp_path / "README.txt").write_text("nothing")
        arguments = ["--key", str(tmp_path / "README.txt")]
    elif arguments[-1].startswith("proof"):
        arguments = ["--key", str(genuine.root / arguments[-1])]
    code, text, complaint = run(*([genuine.root] if arguments[0] == "--key" else []), *arguments)
    assert (code, text) == (exit_codes.USAGE, "")
    assert "Traceback" not in complaint


def test_edgectl_runs_the_same(genuine: Export, export: Export, capfd: pytest.CaptureFixture[str]) -> None:
    assert edgectl.main(["verify", str(genuine.root)]) == exit_codes.OK
    assert capfd.readouterr().out == run(genuine.root)[1]
    (export.root / "lobby.mp4").unlink()
    assert edgectl.main(["verify", "--json", "--key", verify.fingerprint(KEY), str(export.root)]) == exit_codes.FAILED
    told = Verify.model_validate_json(capfd.readouterr().out)
    assert next(line.code for line in told.lines if line.sign == "x") == "missing"
    assert edgectl.main(["verify", "--key", "proof", str(export.root)]) == exit_codes.USAGE


# --- it agrees with the house


def test_the_shape_of_the_list_is_that_of_the_document(genuine: Export) -> None:
    """Both know the same fields; what one writes the other takes."""
    document = json.loads((genuine.root / tampering.LIST).read_bytes())
    assert export_manifest.rendered(Manifest.model_validate(document)) == export_manifest.canonical(document)

    def names(shape: Any) -> Any:
        if isinstance(shape, list):
            return [names(shape[0])]
        if isinstance(shape, dict):
            return (
                names(shape["?"]) if "?" in shape else {name.rstrip("?"): names(kind) for name, kind in shape.items()}
            )
        return ...

    def fields(model: Any) -> Any:
        if hasattr(model, "model_fields"):
            return {one.alias or name: fields(one.annotation) for name, one in model.model_fields.items()}
        inner = [one for one in getattr(model, "__args__", ()) if one is not type(None)]
        if getattr(model, "__origin__", None) is list:
            return [fields(inner[0])]
        found = [fields(one) for one in inner if hasattr(one, "model_fields")]
        return found[0] if found else ...

    assert fields(Manifest) == names(verify.LIST_SHAPE)


# --- what lies beside it


def test_nothing_that_comes_from_outside_becomes_part_of_the_page(genuine: Export) -> None:
    page = (genuine.root / "index.html").read_text("utf-8")
    assert page.count("</script>") == page.count("<script") == 3
    assert not any(f"@{name}@" in page for name in ("film", "words", "page.css", "sha256.js", "check.js", "play.js"))
    assert "http://" not in page
    assert "https://" not in page


def test_the_readme_is_what_windows_reads(genuine: Export) -> None:
    data = (genuine.root / "README.txt").read_bytes()
    text = data.decode("utf-8-sig")
    assert data.startswith(b"\xef\xbb\xbf")
    assert "\n" not in text.replace("\r\n", "")
    assert verify.fingerprint(KEY) in text
    assert "lobby.mp4    大廳" in text
    assert "{" not in text


def test_the_verifier_goes_along_as_it_is(genuine: Export) -> None:
    assert (genuine.root / "verify.py").read_bytes() == SOURCE.read_bytes() == folder.verifier()
