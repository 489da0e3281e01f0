"""The list of an export, what proves it, and what people find beside the films, once all footage was read.

Blocking. Lists and proofs lie in the state directory until they have left, so that the list of a day takes no
memory. The list is signed as canonical JSON (RFC 8785) in a DSSE v1 envelope, Ed25519. The envelope is canonical
itself, so that not one bit of it can be changed unnoticed.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any, Final

import rfc8785

from edged.documents.exports import Manifest
from edged.evidence import export_job, folder
from edged.evidence.export_job import CameraFiles, ExportJob, FileStream, Told, of_file, takes
from edged.evidence.verify import PAYLOAD_TYPE
from storage.exports.service import Exports, ProofHead, Uncitable
from storage.ledger import note
from storage.ledger.note import Verifier
from storage.ledger.signer import Signer
from storage.words.errors import OrderRefused, said
from storage.words.message import message

WORDS: Final = ("who", "reason", "case", "request")
OF_REQUEST: Final = ("office_request", "office_row")
"""Absent from the list where there is none, as from each list from before the office."""
CITING: Final = ("segments", "loose", "gaps", "destroyed")
"""Of a camera on the list: what names leaves."""
KEY_NOTE: Final = (
    "# 本錄影主機的公開金鑰與指紋。請與機關公布的指紋比對。\r\n"
    "# Public keys of this recorder, and their fingerprints. Compare them with those that the office published.\r\n"
)


def seal(work: ExportJob, exports: Exports, now_ms: int, read: Told) -> None:
    """Sign the list of what leaves; `read` hears of octets that had to be read again.

    OrderRefused: it cannot be proven, or nobody can sign it.
    """
    export, account, order = work.export, work.export.account, work.export.order
    signer, heads, told = exports.signer(), exports.heads(export), exports.told(export)
    if account is None or export.leaf is None or not {"who", "reason"} <= told.keys():
        raise OrderRefused(
            message("manifest.erased", "who copies {export} and why was erased", export=export.id),
            message("manifest.erased.action", "edgectl export --undo, and begin another one"),
        )
    at, place = work.place.at, work.place
    cameras = [_camera(camera, at) for camera in work.cameras]
    cited = {export.leaf, *account.clock, *(head.generation.first for head in heads)}
    cited |= {entry["leaf"] for one in cameras for kind in CITING for entry in one[kind]}
    cited |= {leaf for one in cameras for leaf in one["beside"]}
    papers = dict(_proofs(work, exports, heads, sorted(cited)))
    told_of: dict[str, Any] = {
        "export": export.id,
        "node": place.node,
        "office": place.office,
        "site": place.site,
        "software": place.software,
        "timezone": place.timezone,
        "created": at(now_ms),
        "asked": {"from": at(order.interval.first_ms), "to": at(order.interval.last_ms)},
        "destroy_by": at(order.destroy_by_ms),
        **{name: _opening(told.get(name)) for name in WORDS},
        "office_request": None if order.request is None else order.request.number,
        "office_row": None if order.request is None else order.request.row,
        "key": signer.public.hex(),
        "copy": export.leaf,
        "checkpoints": [_head(number, head, heads) for number, head in enumerate(heads)],
        "clock": list(account.clock),
        "cameras": cameras,
        "files": [],
    }
    papers |= _for_people(work, Manifest.model_validate(told_of))
    told_of["files"] = [
        {"path": path, "bytes": source.size, "sha256": _sum(source, read)}
        for path, source in sorted((work.sources | papers).items())
    ]
    papers |= _signed(work, Manifest.model_validate(told_of), signer)
    work.papers = papers


def _signed(work: ExportJob, listed: Manifest, signer: Signer) -> dict[str, FileStream]:
    payload = rendered(listed)
    work.manifest = sha256(payload).hexdigest()
    sealed = envelope(payload, signer)
    return {
        export_job.LIST: _paper(work, export_job.LIST, payload),
        export_job.ENVELOPE: _paper(work, export_job.ENVELOPE, sealed),
    }


def _proofs(
    work: ExportJob, exports: Exports, heads: Sequence[ProofHead], numbers: Sequence[int]
) -> Iterator[tuple[str, FileStream]]:
    path = work.spool / export_job.LEAVES.replace("/", "-")
    try:
        with path.open("wb") as file:
            for one in exports.cited(heads, numbers):
                file.write(entry(one.entry.data, one.origin, list(one.path)))
    except Uncitable as error:
        action = message("manifest.uncitable.action", "edgectl ledger verify")
        raise OrderRefused(said(error), action) from error
    yield export_job.LEAVES, of_file(path)
    signed = [head for head in heads if head.note is not None]
    verifiers = [one for one in (head.generation.verifier for head in signed) if one is not None]
    yield export_job.KEYS, _paper(work, export_job.KEYS, keys(verifiers))
    for number, head in enumerate(heads):
        if head.note is not None:
            name = export_job.checkpoint_name(number, last=head is heads[-1])
            yield name, _paper(work, name, head.note.encode())


def _for_people(work: ExportJob, listed: Manifest) -> dict[str, FileStream]:
    played = {one.path: folder.spans(one.film) for camera in work.cameras for one in camera.film_files}
    clocks = {
        camera.id: told[-1]
        for camera in work.cameras
        if (told := [one.camera_offset_ms for one in camera.contents.segments if one.camera_offset_ms is not None])
    }
    return {
        export_job.PAGE: _paper(work, export_job.PAGE, folder.index(listed, played, clocks)),
        export_job.README: _paper(work, export_job.README, folder.readme(listed)),
        export_job.VERIFIER: _paper(work, export_job.VERIFIER, folder.verifier()),
    }


def _paper(work: ExportJob, path: str, data: bytes) -> FileStream:
    place = work.spool / path.replace("/", "-")
    place.write_bytes(data)
    return of_file(place)


def _sum(source: FileStream, read: Told) -> str:
    """What did not leave yet is read to its end."""
    for block in source.blocks(source.size - source.left):
        read(len(block))
    return source.sha256


def _camera(camera: CameraFiles, at: Callable[[int], str]) -> dict[str, Any]:
    """As the list has it."""
    spans = [span for one in camera.film_files for span in folder.spans(one.film)]
    files, segments = list[dict[str, Any]](), list[dict[str, Any]]()
    for number, one in enumerate(camera.film_files):
        files.append({"path": one.path, "subtitles": one.subtitles})
        segments += [
            {
                "leaf": take.segment,
                "file": number,
                "at": take.film_at,
                "bytes": take.bytes,
                "first_part": take.first,
                "last_part": take.last,
                "sequence": take.sequence,
                "offsets": {str(track): offset for track, offset in take.offsets.items()},
                "first_hash": camera.reads[take.segment].first_hash or 0,
                "header_bytes": camera.header_bytes(take.segment),
                "original": camera.originals.get(take.segment),
            }
            for take in takes([one.film])
        ]
    told = camera.contents
    return {
        "id": camera.id,
        "name": camera.name,
        "from": at(spans[0].wall_ms) if spans else None,
        "to": at(spans[-1].wall_ms + spans[-1].length_ms) if spans else None,
        "hashes": camera.hash_list,
        "headers": camera.header_list,
        "files": files,
        "segments": segments,
        "loose": [{"leaf": one.segment.leaf, "original": camera.originals[one.segment.leaf]} for one in camera.loose],
        "gaps": [
            {"leaf": one.leaf, "from": at(one.start_ms), "to": at(one.end_ms), "cause": one.cause} for one in told.gaps
        ],
        "destroyed": [{"leaf": one.leaf, "from": at(one.start_ms), "to": at(one.end_ms)} for one in told.destroyed],
        "beside": [*told.beside, *(one.segment.leaf for one in camera.kept_back)],
    }


def _opening(told: tuple[bytes, str] | None) -> dict[str, str] | None:
    return None if told is None else {"text": told[1], "salt": told[0].hex()}


def _head(number: int, head: ProofHead, heads: Sequence[ProofHead]) -> dict[str, Any]:
    return {
        "origin": head.generation.origin,
        "first": head.generation.first,
        "size": head.size,
        "root": head.root.hex(),
        "file": None if head.note is None else export_job.checkpoint_name(number, last=head is heads[-1]),
    }


def canonical(document: Any) -> bytes:
    """RFC 8785. ValueError for what is no JSON, or a number that not every reader takes exactly."""
    return rfc8785.dumps(document)


def rendered(manifest: Manifest) -> bytes:
    """`proof/manifest.json`."""
    absent = {name for name in OF_REQUEST if getattr(manifest, name) is None}
    return canonical(manifest.model_dump(mode="json", exclude=absent))


def envelope(payload: bytes, signer: Signer) -> bytes:
    """`proof/manifest.dsse.json`."""
    return canonical(note.envelope(PAYLOAD_TYPE, payload, signer.public, signer.sign))


def keys(verifiers: list[Verifier]) -> bytes:
    """`proof/key.txt`: of each generation that is used, its key as C2SP writes it, and the fingerprint."""
    lines = [f"{one}\r\nSHA-256 {one.fingerprint}\r\n" for one in verifiers]
    return ("\ufeff" + KEY_NOTE + "".join(lines)).encode()


def entry(leaf: bytes, origin: str, proof: list[bytes]) -> bytes:
    """A line of `proof/leaves.jsonl`: a leaf and the way from it to the head of its generation."""
    path = [base64.b64encode(one).decode() for one in proof]
    return canonical({"leaf": leaf.decode(), "origin": origin, "proof": path}) + b"\n"
