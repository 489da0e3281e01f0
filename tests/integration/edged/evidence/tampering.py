"""What can be done to an export, and what its verifier must say then.

`Attack.codes` must all be among the faults that are told. A stranger has the folder; an insider has the recorder's key
and signs what he made of it.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edged.evidence import export_manifest
from storage.ledger import note, tree
from storage.segments.segment_file import parts_of
from tests.integration.edged.evidence import exports
from tests.integration.edged.evidence.exports import Export

FILM: Final = "lobby.mp4"
LIST: Final = "proof/manifest.json"
ENVELOPE: Final = "proof/manifest.dsse.json"


@dataclass(frozen=True)
class Attack:
    name: str
    codes: frozenset[str]
    do: Callable[[Export], None]
    python_only: bool = False
    """A browser cannot see it."""


ATTACKS: Final[list[Attack]] = []


def attack(*codes: str, python_only: bool = False) -> Callable[[Callable[[Export], None]], Callable[[Export], None]]:
    def add(do: Callable[[Export], None]) -> Callable[[Export], None]:
        ATTACKS.append(Attack(do.__name__, frozenset(codes), do, python_only))
        return do

    return add


def pieces(film: bytes) -> list[bytes]:
    """Header, fragments, index."""
    found, at = [], 0
    for part in parts_of([film]):
        found.append(film[at : at + part.bytes])
        at += part.bytes
    return found


def without(film: bytes, *numbers: int) -> bytes:
    return b"".join(piece for number, piece in enumerate(pieces(film)) if number not in numbers)


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


# --- strangers


@attack("content", "part-changed")
def a_byte_of_a_picture_is_changed(export: Export) -> None:
    export.edit(FILM, lambda film: flip(film, len(film) // 2))


@attack("length", "part-missing")
def a_fragment_is_cut_out(export: Export) -> None:
    export.edit(FILM, lambda film: without(film, 9))


@attack("length", "part-missing")
def a_segment_is_cut_out(export: Export) -> None:
    export.edit(FILM, lambda film: without(film, *range(9, 21)))


@attack("length", "part-changed", "part-missing")
def a_fragment_is_cut_out_and_the_rest_is_numbered_anew(export: Export) -> None:
    def change(film: bytes) -> bytes:
        head, *rest = pieces(without(film, 9))
        return head + b"".join(_numbered(piece, number) for number, piece in enumerate(rest, 1))

    export.edit(FILM, change)


@attack("content", "part-order", "part-missing")
def two_fragments_are_swapped(export: Export) -> None:
    def change(film: bytes) -> bytes:
        found = pieces(film)
        found[9], found[10] = found[10], found[9]
        return b"".join(found)

    export.edit(FILM, change)


@attack("length", "part-order")
def a_fragment_is_shown_twice(export: Export) -> None:
    export.edit(FILM, lambda film: b"".join([*pieces(film)[:10], *pieces(film)[9:]]))


@attack("length", "part-broken")
def the_tail_is_cut_off_within_a_fragment(export: Export) -> None:
    export.edit(FILM, lambda film: film[: len(film) * 2 // 3])


@attack("length", "part-missing")
def the_tail_is_cut_off_between_two_fragments(export: Export) -> None:
    export.edit(FILM, lambda film: b"".join(pieces(film)[:20]))


@attack("length", "tail")
def something_is_appended_to_a_film(export: Export) -> None:
    export.edit(FILM, lambda film: film + b"\0\0\0\x10free" + b"x" * 8)


@attack("content", "part-changed")
def the_times_of_a_film_are_shifted(export: Export) -> None:
    def later(piece: bytes) -> bytes:
        at = piece.index(b"tfdt") + 8
        time = struct.unpack_from(">Q", piece, at)[0] + 90_000 * 3600
        return piece[:at] + struct.pack(">Q", time) + piece[at + 8 :]

    export.edit(FILM, lambda film: b"".join(later(one) if b"moof" in one else one for one in pieces(film)))


@attack("content", "part-changed", "part-broken")
def the_length_of_a_box_is_changed(export: Export) -> None:
    def change(film: bytes) -> bytes:
        at = sum(map(len, pieces(film)[:7])) + pieces(film)[7].index(b"moof") - 4
        return film[:at] + struct.pack(">I", 7) + film[at + 4 :]

    export.edit(FILM, change)
    export.edit("gate.mp4", lambda film: flip(film, len(film) // 3))


@attack("content", "header")
def a_film_gets_the_header_of_another_segment(export: Export) -> None:
    other = exports.shot("lobby", 42, 4, 6, heard=True)
    export.edit(FILM, lambda film: b"".join([pieces(other.data)[0], *pieces(film)[1:]]))


@attack("content", "header", "part-broken")
def a_film_is_of_another_camera(export: Export) -> None:
    export.edit(FILM, lambda film: (export.root / "gate.mp4").read_bytes().ljust(len(film), b"\0")[: len(film)])


@attack("added")
def a_film_is_added(export: Export) -> None:
    export.write("lobby-2.mp4", (export.root / FILM).read_bytes())


@attack("added")
def a_file_is_added_whose_name_differs_by_case(export: Export) -> None:
    export.write("LOBBY.mp4", b"")


@attack("added")
def a_file_is_added_deep_below(export: Export) -> None:
    export.write("a/b/c/d/e/f/g/h/i/secret.mp4", b"x")


@attack("length", "part-changed")
def a_film_is_nothing_but_empty_fragments(export: Export) -> None:
    export.edit(FILM, lambda film: pieces(film)[0] + b"\0\0\0\x08mdat" * 5000)


@attack("length", "damaged")
def the_ledger_is_there_over_and_over(export: Export) -> None:
    export.edit("proof/leaves.jsonl", lambda data: data * 50)


@attack("damaged", "missing")
def the_list_holds_more_than_any_memory(export: Export) -> None:
    export.write(LIST, b"[" + b"{}," * (1 << 21) + b"{}]")
    (export.root / ENVELOPE).unlink()


@attack("missing")
def a_film_is_missing(export: Export) -> None:
    (export.root / FILM).unlink()


@attack("missing")
def the_ledger_is_missing(export: Export) -> None:
    (export.root / "proof/leaves.jsonl").unlink()


@attack("missing")
def the_signature_is_missing(export: Export) -> None:
    (export.root / ENVELOPE).unlink()


@attack("missing")
def the_list_is_missing(export: Export) -> None:
    (export.root / LIST).unlink()


@attack("link", python_only=True)
def a_film_is_a_link_to_elsewhere(export: Export) -> None:
    (export.root / FILM).rename(export.root.with_suffix(".elsewhere"))
    (export.root / FILM).symlink_to(export.root.with_suffix(".elsewhere"))


@attack("link", "missing", python_only=True)
def a_folder_is_a_link_to_elsewhere(export: Export) -> None:
    (export.root / "proof").rename(export.root.with_suffix(".proof"))
    (export.root / "proof").symlink_to(export.root.with_suffix(".proof"))


@attack("edited")
def a_gap_is_hidden_in_the_list(export: Export) -> None:
    export.camera()["gaps"] = []
    export.write(LIST, export_manifest.canonical(export.manifest))


@attack("signature")
def a_gap_is_hidden_in_the_list_and_in_its_envelope(export: Export) -> None:
    export.camera()["gaps"] = []
    payload = export_manifest.canonical(export.manifest)
    export.write(LIST, payload)
    envelope = json.loads((export.root / ENVELOPE).read_bytes())
    export.write(ENVELOPE, export_manifest.canonical(envelope | {"payload": base64.b64encode(payload).decode()}))


@attack("damaged")
def the_list_and_its_envelope_are_written_in_another_way(export: Export) -> None:
    for path in (LIST, ENVELOPE):
        export.edit(path, lambda data: json.dumps(json.loads(data), indent=1).encode())


@attack("damaged")
def the_envelope_has_a_key_twice(export: Export) -> None:
    export.edit(ENVELOPE, lambda data: data.replace(b'{"payload"', b'{"payload":"","payload"', 1))


@attack("damaged")
def the_list_is_nested_without_end(export: Export) -> None:
    export.write(LIST, b"[" * 100_000)
    (export.root / ENVELOPE).unlink()


@attack("damaged", "missing")
def the_list_has_a_number_without_end(export: Export) -> None:
    export.edit(LIST, lambda data: data.replace(b'"copy":', b'"copy":' + b"9" * 100_000, 1))
    (export.root / ENVELOPE).unlink()


@attack("other-key")
def another_recorder_signs_the_list(export: Export) -> None:
    export.manifest["key"] = exports.OTHER_KEY.public_key().public_bytes_raw().hex()
    payload = export_manifest.canonical(export.manifest)
    export.write(LIST, payload)
    export.write(ENVELOPE, export_manifest.envelope(payload, exports.signer(exports.OTHER_KEY)))


@attack("signature")
def another_recorder_signs_in_the_name_of_this_one(export: Export) -> None:
    payload = (export.root / LIST).read_bytes()
    envelope = json.loads(export_manifest.envelope(payload, exports.signer(exports.OTHER_KEY)))
    envelope["signatures"][0]["keyid"] = json.loads((export.root / ENVELOPE).read_bytes())["signatures"][0]["keyid"]
    export.write(ENVELOPE, export_manifest.canonical(envelope))


@attack("other-key")
def all_is_signed_again_with_another_key_but_the_ledger(export: Export) -> None:
    export.key = exports.OTHER_KEY
    public = export.key.public_key().public_bytes_raw()
    export.manifest["key"] = public.hex()
    export.write("proof/key.txt", export_manifest.keys([note.Verifier(one, public) for one in export.ledger.firsts]))
    export.sign()


@attack("content", "other-key")
def the_key_beside_it_is_another(export: Export) -> None:
    public = exports.OTHER_KEY.public_key().public_bytes_raw()
    export.write("proof/key.txt", export_manifest.keys([note.Verifier(one, public) for one in export.ledger.firsts]))


@attack("length", "head")
def the_head_is_of_another_generation(export: Export) -> None:
    export.write("proof/checkpoint.txt", (export.root / "proof/checkpoint-1.txt").read_bytes())


@attack("content", "signature")
def the_head_is_signed_by_another(export: Export) -> None:
    origin = list(export.ledger.firsts)[-1]
    export.write("proof/checkpoint.txt", export.ledger.signed(origin, exports.OTHER_KEY).encode())


@attack("content", "leaf")
def the_text_of_a_leaf_is_edited(export: Export) -> None:
    export.edit("proof/leaves.jsonl", lambda data: data.replace(b"dropped", b"stalled", 1))


@attack("length", "leaf-missing")
def a_leaf_is_taken_out(export: Export) -> None:
    export.edit("proof/leaves.jsonl", lambda data: b"".join(data.splitlines(keepends=True)[:-2]))


@attack("content", "leaf")
def a_proof_is_forged(export: Export) -> None:
    def change(data: bytes) -> bytes:
        line = json.loads(data.splitlines()[3])
        forged = [base64.b64encode(bytes([one]) * 32).decode() for one, _ in enumerate(line["proof"])]
        before, after = (json.dumps(one, separators=(",", ":")).encode() for one in (line["proof"], forged))
        return data.replace(before, after)

    export.edit("proof/leaves.jsonl", change)


@attack("content", "hashes")
def the_hashes_are_edited(export: Export) -> None:
    export.edit("proof/lobby.hashes", lambda data: flip(data, 32 * 9))


@attack("length", "hashes")
def the_hashes_are_cut_off(export: Export) -> None:
    export.edit("proof/lobby.hashes", lambda data: data[:-40])


@attack("content")
def the_page_is_edited(export: Export) -> None:
    export.edit("index.html", lambda data: flip(data, len(data) // 2))


@attack("content")
def the_verifier_is_edited(export: Export) -> None:
    export.edit("verify.py", lambda data: flip(data, len(data) // 2))


@attack("content")
def a_subtitle_is_edited(export: Export) -> None:
    export.edit("lobby.vtt", lambda data: data.replace(b"08:00:05", b"09:00:05"))


@attack("content", "signature")
def the_signature_of_the_head_is_forged(export: Export) -> None:
    def change(head: bytes) -> bytes:
        start, _, line = head.rstrip(b"\n").rpartition(b" ")
        raw = base64.b64decode(line)
        return start + b" " + base64.b64encode(flip(raw, 40)) + b"\n"

    export.edit("proof/checkpoint.txt", change)


# --- insiders


@attack("hole")
def a_gap_is_not_told(export: Export) -> None:
    export.camera()["gaps"] = []
    export.seal()


@attack("hole")
def a_segment_is_left_out_and_not_told(export: Export) -> None:
    last = export.camera()["segments"].pop()
    export.edit(FILM, lambda film: film[: last["at"]])
    export.camera()["to"] = exports.rfc3339(exports.wall(10))
    export.seal()


@attack("absent")
def a_segment_is_left_out_as_if_it_were_of_another_time(export: Export) -> None:
    last = export.camera()["segments"].pop()
    export.edit(FILM, lambda film: film[: last["at"]])
    export.edit("lobby.vtt", lambda cues: cues[: cues.index(b"\n00:00:10")])
    export.camera()["to"] = exports.rfc3339(exports.wall(10))
    export.camera()["beside"] = [last["leaf"]]
    export.seal()


@attack("leaf-other", "hole")
def a_gap_is_hidden_among_what_was_not_asked_for(export: Export) -> None:
    camera = export.camera()
    camera["beside"] = [one["leaf"] for one in camera["gaps"]]
    camera["gaps"] = []
    export.edit("lobby.vtt", lambda cues: re.sub(rb"\n[^\n]*line:0\n.*\n.*\n", b"", cues))
    export.seal()


@attack("cut")
def a_segment_ends_early(export: Export) -> None:
    one, later = export.camera()["segments"][1:]
    number = next(
        n for n, piece in enumerate(pieces((export.root / FILM).read_bytes())) if _at(export, n) == later["at"]
    )
    gone = pieces((export.root / FILM).read_bytes())[number - 1]
    export.edit(FILM, lambda film: without(film, number - 1))
    one["last_part"] -= 1
    one["bytes"] -= len(gone)
    later["at"] -= len(gone)
    export.seal()


@attack("film-times")
def a_fragment_is_left_out_within_a_segment(export: Export) -> None:
    """Of the one of which not all was asked for: there nobody can count pictures."""
    one, *later = export.camera()["segments"]
    found = pieces((export.root / FILM).read_bytes())
    before, gone = sum(map(len, found[1:4])), len(found[4])
    rest = one | {"at": one["at"] + before, "bytes": one["bytes"] - before - gone, "first_part": one["first_part"] + 4}
    one |= {"bytes": before, "last_part": one["first_part"] + 2}
    for other in later:
        other["at"] -= gone
    export.camera()["segments"].insert(1, rest | {"at": rest["at"]})
    export.edit(FILM, lambda film: without(film, 4))
    export.seal()


@attack("cut")
def the_last_fragment_of_a_salvaged_segment_is_left_out(export: Export) -> None:
    """It has no index at its end, behind which something else could be missing."""
    one, other = export.camera("gate")["segments"]
    shot = exports.shot("gate", 8, 3, 8, heard=False)
    hashes = shot.hashes[:-1]
    export.edit("proof/gate.hashes", lambda data: data[: 32 * len(hashes)] + data[32 * len(shot.hashes) :])
    export.tell(one["leaf"], parts=len(hashes), root=tree.root_of(hashes).hex())
    other["first_hash"] -= 1
    before = export.ledger.origins[0]
    chain = {"origin": before, "size": export.ledger.size(before), "root": export.ledger.root(before).hex()}
    export.tell(list(export.ledger.firsts.values())[-1], previous=chain)
    number = one["last_part"] - one["first_part"] + 1
    gone = len(pieces((export.root / "gate.mp4").read_bytes())[number])
    export.edit("gate.mp4", lambda film: without(film, number))
    one["last_part"] -= 1
    one["bytes"] -= gone
    other["at"] -= gone
    export.seal()


@attack("cut", "copy")
def more_was_asked_for_than_the_film_begins_with(export: Export) -> None:
    export.manifest["asked"]["from"] = exports.rfc3339(exports.wall(-1.5))
    export.seal()


@attack("times")
def a_gap_is_told_to_be_shorter(export: Export) -> None:
    export.camera()["gaps"][0]["to"] = exports.rfc3339(exports.wall(11))
    export.seal()


@attack("times")
def a_gap_gets_another_cause(export: Export) -> None:
    export.camera()["gaps"][0]["cause"] = "power-loss"
    export.seal()


@attack("times")
def the_list_says_that_more_is_recorded(export: Export) -> None:
    export.camera()["to"] = exports.rfc3339(exports.wall(60))
    export.seal()


def _later(piece: bytes, track: int, ticks: int) -> bytes:
    out = bytearray(piece)
    at = piece.find(b"traf")
    while at >= 0:
        if struct.unpack_from(">I", piece, piece.index(b"tfhd", at) + 8)[0] == track:
            time_at = piece.index(b"tfdt", at) + 8
            struct.pack_into(">Q", out, time_at, struct.unpack_from(">Q", piece, time_at)[0] + ticks)
        at = piece.find(b"traf", at + 1, piece.index(b"mdat"))
    if track == 1 and b"prft" in piece[:8]:
        struct.pack_into(">Q", out, 24, struct.unpack_from(">Q", piece, 24)[0] + ticks)
    return bytes(out)


def _move(export: Export, track: int, ticks: int) -> None:
    """Film and list agree on other times from the second segment on."""
    segments = export.camera()["segments"]

    def change(film: bytes) -> bytes:
        found, at = [], 0
        for piece in pieces(film):
            moved = at >= segments[1]["at"] and b"moof" in piece[:64]
            found.append(_later(piece, track, ticks) if moved else piece)
            at += len(piece)
        return b"".join(found)

    export.edit(FILM, change)
    for one in segments[1:]:
        one["offsets"][str(track)] += ticks
    export.seal()


@attack("film-times")
def a_film_pauses_where_nothing_is_missing(export: Export) -> None:
    _move(export, 1, 90_000 * 30)


@attack("sound")
def the_sound_is_moved_against_the_pictures(export: Export) -> None:
    _move(export, 2, 48_000)


@attack("subtitles")
def the_subtitles_tell_another_hour(export: Export) -> None:
    export.edit("lobby.vtt", lambda data: data.replace(b" 08:00:", b" 09:00:"))
    export.seal()


def _subtitle(export: Export, old: str, new: str) -> None:
    export.edit("lobby.vtt", lambda data: data.decode().replace(old, new, 1).encode())
    export.seal()


@attack("subtitles")
def a_subtitle_stays_on_while_the_film_goes_on(export: Export) -> None:
    _subtitle(export, "00:00:02.000 --> 00:00:03.000", "00:00:02.000 --> 00:00:17.000")


@attack("damaged")
def a_subtitle_is_called_as_the_file_begins(export: Export) -> None:
    cue = "\nWEBVTT 2\n00:00:03.000 --> 00:00:09.000 line:0\n2026-05-01 09:00:00\n\n00:00:03.000"
    _subtitle(export, "\n00:00:03.000", cue)


@attack("damaged")
def a_subtitle_hides_behind_an_end_of_line(export: Export) -> None:
    _subtitle(export, "連線中斷\n", "連線中斷\r\r00:00:03.000 --> 00:00:09.000\r2026-05-01 09:00:03\n")


@attack("damaged")
def the_right_time_of_a_subtitle_is_a_tag_that_nobody_sees(export: Export) -> None:
    _subtitle(export, "2026-05-01 08:00:03\n", "<2026-05-01 08:00:03>2026-05-01 09:00:03\n")


@attack("damaged")
def a_subtitle_tells_another_place(export: Export) -> None:
    _subtitle(export, "大廳 ", "側門 ")


@attack("subtitles")
def a_subtitle_tells_of_a_gap_that_is_longer(export: Export) -> None:
    _subtitle(export, "– 2026-05-01 08:00:15", "– 2026-05-01 08:00:16")


@attack("film-times")
def pictures_are_hidden_behind_those_that_follow(export: Export) -> None:
    """A player shows what begins later instead."""
    _move(export, 1, -90_000 * 3 // 2)
    _move(export, 2, -48_000 * 3 // 2)


@attack("layout")
def the_sound_is_left_where_it_was(export: Export) -> None:
    """A segment's own times begin at 0: its sound plays with the pictures of the first one."""
    last = export.camera()["segments"][-1]
    ticks = last["offsets"].pop("2")
    at, pieces_of = 0, []
    for piece in pieces((export.root / FILM).read_bytes()):
        pieces_of.append(_later(piece, 2, -ticks) if at >= last["at"] and b"moof" in piece[:64] else piece)
        at += len(piece)
    export.write(FILM, b"".join(pieces_of))
    export.seal()


@attack("header")
def a_film_begins_with_the_header_of_another_of_its_segments(export: Export) -> None:
    one, other = export.camera()["segments"][:2]
    header = export.headers[other["leaf"]]
    export.edit(FILM, lambda film: b"".join([header, *pieces(film)[1:]]))
    for later in export.camera()["segments"]:
        later["at"] += len(header) - len(export.headers[one["leaf"]])
    export.seal()


@attack("header-other")
def a_segment_is_shown_by_a_header_that_was_not_its_own(export: Export) -> None:
    """Its own says that its pictures are of another size."""
    last = export.camera()["segments"][-1]
    shot = exports.shot("lobby", 43, 15, 6, heard=True)
    at = shot.header.index(b"avcC") + 20
    header = flip(shot.header, at)
    hashes = [tree.leaf_hash(header), *shot.hashes[1:]]
    first = 32 * last["first_hash"]
    export.edit("proof/lobby.hashes", lambda data: data[:first] + b"".join(hashes))
    export.headers[last["leaf"]] = header
    export.tell(last["leaf"], root=tree.root_of(hashes).hex())
    export.seal()


@attack("header")
def the_header_of_a_segment_is_not_what_was_recorded(export: Export) -> None:
    leaf = export.camera()["segments"][-1]["leaf"]
    export.headers[leaf] = flip(export.headers[leaf], 90)
    export.seal()


@attack("damaged")
def the_interval_ends_before_it_begins(export: Export) -> None:
    asked = export.manifest["asked"]
    asked["from"], asked["to"] = asked["to"], asked["from"]
    export.seal()


@attack("damaged")
def a_leaf_has_a_name_that_programs_may_sort_differently(export: Export) -> None:
    export.tell(export.camera()["gaps"][0]["leaf"], **{"\U0001f600": 1})
    export.seal()


@attack("damaged")
def the_ledger_has_a_name_in_letters_that_look_alike(export: Export) -> None:
    before = list(export.ledger.firsts)[-1]
    after = before.replace("e", "\u0435")
    export.ledger.firsts[after] = export.ledger.firsts.pop(before)
    export.ledger.origins = [after if one == before else one for one in export.ledger.origins]
    export.tell(export.ledger.firsts[after], origin=after)
    export.seal()


@attack("damaged")
def the_subtitles_tell_no_time(export: Export) -> None:
    export.edit("lobby.vtt", lambda data: data.replace(b"2026-05-01 08:00:05", b"soon", 1))
    export.seal()


@attack("copy")
def somebody_else_is_said_to_have_copied_it(export: Export) -> None:
    export.manifest["who"]["text"] = "lin"
    export.seal()


@attack("copy")
def a_case_is_left_out(export: Export) -> None:
    export.manifest["case"] = None
    export.seal()


@attack("damaged", "copy")
def a_request_is_made_up(export: Export) -> None:
    export.manifest["office_request"] = "115-0007"
    export.seal()


@attack("copy")
def a_procedure_is_made_up(export: Export) -> None:
    export.manifest["office_row"] = "P-police"
    export.seal()


@attack("copy", "hole")
def it_is_said_that_more_was_asked_for(export: Export) -> None:
    export.manifest["asked"]["to"] = exports.rfc3339(exports.wall(600))
    export.seal()


@attack("leaf-other")
def the_copy_is_in_no_ledger(export: Export) -> None:
    export.manifest["copy"] = export.camera()["gaps"][0]["leaf"]
    export.seal()


@attack("stray")
def an_unproven_film_is_put_on_the_list(export: Export) -> None:
    export.write("yard.mp4", (export.root / FILM).read_bytes())
    export.seal()


@attack("name", "stray")
def the_list_has_two_names_that_differ_by_case(export: Export) -> None:
    export.write("Lobby.mp4", (export.root / FILM).read_bytes())
    export.seal()


@attack("leaf-other", "hole")
def a_gap_that_was_withdrawn_covers_a_hole(export: Export) -> None:
    export.tell(export.camera()["gaps"][0]["leaf"], gone=True)
    export.seal()


@attack("leaf-other")
def a_segment_of_another_camera_is_cited(export: Export) -> None:
    export.camera()["segments"][0]["leaf"] = export.camera("gate")["segments"][0]["leaf"]
    export.seal()


@attack("generation")
def the_earlier_generation_is_another(export: Export) -> None:
    origin = list(export.ledger.firsts)[-1]
    export.tell(export.ledger.firsts[origin], previous={"origin": "edged/other/00000000", "size": 8, "root": "0" * 64})
    export.seal()


@attack("film-times")
def two_segments_are_shown_in_the_wrong_order(export: Export) -> None:
    one, other = export.camera("gate")["segments"]
    film = (export.root / "gate.mp4").read_bytes()
    assert one["at"] < other["at"]
    found = pieces(film)
    count = one["last_part"] - one["first_part"] + 1
    head, first, second, tail = export.headers[other["leaf"]], found[1 : count + 1], found[count + 1 : -1], found[-1]
    export.write("gate.mp4", b"".join([head, *second, *first, tail]))
    other["at"], one["at"] = len(head), len(head) + other["bytes"]
    export.camera("gate")["segments"] = [other, one]
    export.seal()


@attack("layout")
def the_list_says_that_parts_lie_elsewhere(export: Export) -> None:
    export.camera()["segments"][2]["at"] += 1
    export.seal()


@attack("damaged")
def the_list_is_of_another_version(export: Export) -> None:
    export.manifest["schema"] = "edged.manifest/2"
    export.seal()


@attack("damaged")
def a_path_leads_out_of_the_folder(export: Export) -> None:
    export.camera()["files"][0]["path"] = "../lobby.mp4"
    export.seal()


def _numbered(piece: bytes, number: int) -> bytes:
    at = piece.find(b"mfhd")
    return piece if at < 0 else piece[: at + 8] + struct.pack(">I", number) + piece[at + 12 :]


def _at(export: Export, number: int) -> int:
    return sum(map(len, pieces((export.root / FILM).read_bytes())[:number]))
