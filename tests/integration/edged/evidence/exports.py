"""A genuine export of two cameras, small: really muxed segments, a real ledger of two generations, real signatures.

What somebody without the key can do to a folder is done to its files; what whoever has the key can do as well is done
to `Export.manifest` and the ledger before `seal` signs it again.
"""

from __future__ import annotations

import copy
import io
import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edged.documents.exports import Manifest
from edged.evidence import export_manifest, folder
from recorder.mp4 import Muxer
from recorder.remux.film import FAT32_BYTES, Missing, SegmentSource, blocks, plan, webvtt
from storage.ledger import note, tree
from storage.ledger.signer import Signer
from storage.ledger.table import LeafEntry, canonical, commitment
from storage.segments.mp4 import EmbeddedMetadata
from storage.segments.segment_file import parts_of
from storage.words.model import Bounds, Moment
from tests.support.footage import Picture, Sound
from tests.support.tracks import interleaved, parameters, pictures, sound, sounds, written

START_MS: Final = 1_777_593_600_000
"""2026-05-01 08:00:00 in Taipei."""
SITE: Final = "文山區戶政事務所 </script><b>"
ZONE: Final = ZoneInfo("Asia/Taipei")
BOOT: Final = 3
BOOT_ID: Final = "ad7c1c3a-8d3b-4a5f-9a6e-0f8e5c7d2b34"
PICTURE: Final = Picture(width=320, height=180, gop=50, kbps=200)
SOUND: Final = Sound("aac")
ASKED: Final = (START_MS, START_MS + 18_000)
KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
SALTS: Final = {"who": bytes(32), "reason": bytes([1] * 32), "case": bytes([2] * 32)}
ROW: Final = "P-public"
TOLD: Final = {"who": "chen（王小明）", "reason": "偵辦竊盜案 <b>", "case": "115-0042"}


def signer(key: Ed25519PrivateKey) -> Signer:
    return Signer(key.public_key().public_bytes_raw(), key.sign)


def wall(after_s: float) -> int:
    return START_MS + round(after_s * 1000)


def rfc3339(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(ZONE).isoformat(timespec="milliseconds")


def point(after_s: float) -> dict[str, Any]:
    """A place in time, as leaves have it."""
    return {"boot": BOOT, "id": BOOT_ID, "boottime_ms": 900_000 + round(after_s * 1000), "wall_ms": wall(after_s)}


@dataclass(frozen=True)
class Shot:
    """A segment."""

    camera: str
    seq: int
    begin_s: float
    data: bytes
    frames: int
    duration_ms: int

    @property
    def hashes(self) -> list[bytes]:
        return [part.hash for part in parts_of([self.data])]

    @property
    def header(self) -> bytes:
        return self.data[: next(parts_of([self.data])).bytes]

    def salvaged(self) -> Shot:
        """Whoever recorded it died behind its last fragment: it has no index."""
        *_, index = parts_of([self.data])
        return replace(self, data=self.data[: -index.bytes])

    @property
    def body(self) -> dict[str, Any]:
        return {
            "camera": self.camera,
            "seq": self.seq,
            "volume": "3f2a9c51-0b7e-4d5c-9a67-1f0e8d2b4c63",
            "start": point(self.begin_s),
            "duration_ms": self.duration_ms,
            "bytes": len(self.data),
            "sha256": sha256(self.data).hexdigest(),
            "floor_s": 2_678_400,
            "ceiling_s": 31_536_000,
            "epoch": 1,
            "synced": True,
            "unproven": False,
            "frames": self.frames,
            "parts": len(self.hashes),
            "root": tree.root_of(self.hashes).hex(),
        }


@cache
def shot(camera: str, seq: int, begin_s: float, seconds: int, *, heard: bool) -> Shot:
    """Recorded as the worker does. The pictures are those of every other segment, their story is its own."""
    frames = pictures(PICTURE, seconds)
    packets = sounds(SOUND, seconds) if heard else []
    start = Moment(wall(begin_s), 900_000 + round(begin_s * 1000))
    story = EmbeddedMetadata(camera, seq, start, BOOT_ID, 1, True, Bounds(2_678_400, 31_536_000), seq - 1, "0" * 64)
    muxer = Muxer(parameters(PICTURE), 90_000, sound(SOUND) if heard else None, story.to_json())
    muxer.tell_clock(0, wall(begin_s) * 1_000_000)
    data = written(muxer, interleaved((90_000, frames), (sound(SOUND).rate, packets)))
    return Shot(camera, seq, begin_s, data, len(frames), seconds * 1000)


@dataclass
class Ledger:
    """Leaves of two generations: the first was lost, the second goes on."""

    leaves: list[bytes] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    firsts: dict[str, int] = field(default_factory=dict)

    def begin(self, origin: str, key: Ed25519PrivateKey) -> None:
        public = key.public_key().public_bytes_raw()
        previous = None
        if self.origins:
            before = self.origins[-1]
            previous = {"origin": before, "size": self.size(before), "root": self.root(before).hex()}
        self.firsts[origin] = len(self.leaves) + 1
        body = {"key": str(note.Verifier(origin, public)), "origin": origin, "previous": previous, "reason": "a test"}
        self.enter("generation", body, origin)

    def enter(self, kind: str, body: dict[str, Any], origin: str | None = None) -> int:
        number = len(self.leaves) + 1
        self.leaves.append(LeafEntry(number, START_MS, kind, canonical(body)).data)
        self.origins.append(origin or self.origins[-1])
        return number

    def hashes(self, origin: str) -> list[bytes]:
        return [tree.leaf_hash(leaf) for leaf, name in zip(self.leaves, self.origins, strict=True) if name == origin]

    def size(self, origin: str) -> int:
        return self.origins.count(origin)

    def root(self, origin: str) -> bytes:
        return tree.root_of(self.hashes(origin))

    def proof(self, number: int) -> list[bytes]:
        origin = self.origins[number - 1]
        levels = [self.hashes(origin)]
        while len(levels[-1]) > 1:
            low = levels[-1]
            levels.append([tree.node_hash(a, b) for a, b in zip(low[::2], low[1::2], strict=False)])
        nodes = lambda level, at: levels[level][at]  # noqa: E731
        return tree.inclusion(nodes, number - self.firsts[origin], self.size(origin))

    def signed(self, origin: str, key: Ed25519PrivateKey) -> str:
        return note.sign(note.Checkpoint(origin, self.size(origin), self.root(origin)).text, origin, key)


@dataclass
class Export:
    """A folder, and all it is made of."""

    root: Path
    ledger: Ledger
    manifest: dict[str, Any]
    key: Ed25519PrivateKey = KEY
    headers: dict[int, bytes] = field(default_factory=dict)
    """By leaf."""

    def copied(self, root: Path) -> Export:
        """Another one like it, to be tampered with."""
        shutil.copytree(self.root, root)
        return Export(root, copy.deepcopy(self.ledger), copy.deepcopy(self.manifest), self.key, dict(self.headers))

    def camera(self, name: str = "lobby") -> Any:
        return next(one for one in self.manifest["cameras"] if one["id"] == name)

    def write(self, path: str, data: bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(data)

    def edit(self, path: str, change: Callable[[bytes], bytes]) -> None:
        self.write(path, change((self.root / path).read_bytes()))

    def tell(self, number: int, **fields: Any) -> None:
        """Write another leaf in the place of one, as whoever makes a ledger anew can."""
        leaf = json.loads(self.ledger.leaves[number - 1])
        self.ledger.leaves[number - 1] = LeafEntry(number, START_MS, leaf["k"], canonical(leaf["b"] | fields)).data

    def seal(self) -> None:
        """Headers, leaves, heads, list and envelope, as whoever has the key makes them."""
        for camera in self.manifest["cameras"]:
            told = dict.fromkeys(one["leaf"] for one in camera["segments"])
            self.write(camera["headers"], b"".join(self.headers[leaf] for leaf in told if leaf in self.headers))
        origins = list(self.ledger.firsts)
        public = self.key.public_key().public_bytes_raw()
        self.manifest["key"] = public.hex()
        heads = []
        for number, origin in enumerate(origins):
            file = "proof/checkpoint.txt" if number == len(origins) - 1 else f"proof/checkpoint-{number + 1}.txt"
            self.write(file, self.ledger.signed(origin, self.key).encode())
            head = {"origin": origin, "first": self.ledger.firsts[origin], "size": self.ledger.size(origin)}
            heads.append(head | {"root": self.ledger.root(origin).hex(), "file": file})
        self.manifest["checkpoints"] = heads
        self.write("proof/key.txt", export_manifest.keys([note.Verifier(origin, public) for origin in origins]))
        lines = [
            export_manifest.entry(
                self.ledger.leaves[number - 1], self.ledger.origins[number - 1], self.ledger.proof(number)
            )
            for number in sorted(self.cited)
        ]
        self.write("proof/leaves.jsonl", b"".join(lines))
        self.sign()

    @property
    def cited(self) -> set[int]:
        kinds = ("segments", "loose", "gaps", "destroyed")
        found = {one["leaf"] for camera in self.manifest["cameras"] for kind in kinds for one in camera[kind]}
        found |= {leaf for camera in self.manifest["cameras"] for leaf in camera["beside"]}
        return found | {self.manifest["copy"], *self.manifest["clock"], *self.ledger.firsts.values()}

    def sign(self) -> None:
        """The files as they lie there, listed and signed."""
        files = []
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if path.is_file() and name not in {"proof/manifest.json", "proof/manifest.dsse.json"}:
                data = path.read_bytes()
                files.append({"path": name, "bytes": len(data), "sha256": sha256(data).hexdigest()})
        self.manifest["files"] = files
        payload = export_manifest.canonical(self.manifest)
        self.write("proof/manifest.json", payload)
        self.write("proof/manifest.dsse.json", export_manifest.envelope(payload, signer(self.key)))


def gap(camera: str, begin_s: float, end_s: float, cause: str, **more: Any) -> dict[str, Any]:
    end = point(end_s)
    return {
        "camera": camera,
        "start": point(begin_s),
        "end": end,
        "cause": cause,
        "detail": "",
        "inside": False,
        **more,
    }


def genuine(
    root: Path,
    *,
    key: Ed25519PrivateKey = KEY,
    export: str = "E-20260501-7F3K",
    whole: bool = False,
    max_bytes: int = FAT32_BYTES,
    request: str = "",
    salvaged_s: float | None = None,
) -> Export:
    """`lobby`, with sound: recorded but for an outage of five seconds; `gate`: its first segment was destroyed, and its
    last one was salvaged if so much of it lies behind what was asked for.
    """
    lobby = [shot("lobby", seq, begin, 6, heard=True) for seq, begin in ((41, -2), (42, 4), (43, 15))]
    gate = [shot("gate", seq, begin, 8, heard=False) for seq, begin in ((8, 3), (9, 11))]
    if salvaged_s is not None:
        gate[1] = shot("gate", 9, 10 + salvaged_s, 8, heard=False).salvaged()
    ledger = Ledger()
    ledger.begin("edged/wenshan-main/0a1b2c3d", key)
    leaf = {("lobby", 41): ledger.enter("segment", lobby[0].body), ("gate", 8): ledger.enter("segment", gate[0].body)}
    for number in range(5):
        ledger.enter("run", {"run": number})
    ledger.begin("edged/wenshan-main/4e5f6071", key)
    leaf["lobby", 42] = ledger.enter("segment", lobby[1].body)
    outage = ledger.enter("gap", gap("lobby", 10, 15, "dropped"))
    leaf["lobby", 43] = ledger.enter("segment", lobby[2].body)
    paused = ledger.enter("gap", gap("gate", 12, 16, "stalled", inside=True, pauses=[[0, 1000], [2500, 1500]]))
    leaf["gate", 9] = ledger.enter("segment", gate[1].body)
    gone = {"camera": "gate", "seq": 7, "start": point(-3), "duration_ms": 6000, "rule": "ceiling"}
    destroyed = ledger.enter("destroyed", gone)
    for number in range(9):
        ledger.enter("run", {"run": number})
    hidden = {name: commitment(SALTS[name], TOLD[name]) for name in SALTS}
    body = {"export": export, "event": "begun", "cameras": ["lobby", "gate"], "from": ASKED[0], "to": ASKED[1]}
    by_request = {"office_request": request, "office_row": ROW} if request else {}
    copied = ledger.enter("copy", body | {"whole": whole, "bytes": 1} | hidden | by_request)

    made = Export(root, ledger, {}, key)
    missing = {"lobby": [Missing(wall(10), wall(15), "連線中斷")], "gate": []}
    cameras: list[dict[str, Any]] = []
    played: dict[str, list[folder.FilmSpan]] = {}
    for name, title, shots in (("lobby", "大廳", lobby), ("gate", "側門", gate)):
        camera, films = _camera(
            made, name, title, shots, leaf, missing[name], whole=whole, max_bytes=max_bytes, request=request
        )
        cameras.append(camera)
        played |= films
    told = {"from": rfc3339(wall(10)), "to": rfc3339(wall(15)), "cause": "dropped"}
    cameras[0]["gaps"] = [{"leaf": outage, **told}]
    cameras[1]["gaps"] = [{"leaf": paused, "from": rfc3339(wall(12)), "to": rfc3339(wall(16)), "cause": "stalled"}]
    cameras[1]["destroyed"] = [{"leaf": destroyed, "from": rfc3339(wall(-3)), "to": rfc3339(wall(3))}]
    made.manifest = {
        "schema": "edged.manifest/1",
        "export": export,
        "node": "wenshan-main",
        "office": "wenshan",
        "site": SITE,
        "software": "edged 0.2.0",
        "timezone": "Asia/Taipei",
        "created": rfc3339(wall(3600)),
        "asked": {"from": rfc3339(ASKED[0]), "to": rfc3339(ASKED[1])},
        "destroy_by": rfc3339(START_MS + 90 * 86_400_000),
        "request": None,
        "copy": copied,
        "clock": [],
        "cameras": cameras,
        "files": [],
        "checkpoints": [],
        "key": key.public_key().public_bytes_raw().hex(),
        **by_request,
        **{name: {"text": TOLD[name], "salt": SALTS[name].hex()} for name in SALTS},
    }
    listed = Manifest.model_validate(made.manifest)
    made.write("index.html", folder.index(listed, played, {"lobby": -3_200}))
    made.write("README.txt", folder.readme(listed))
    made.write("verify.py", folder.verifier())
    made.seal()
    return made


def name_anew(made: Export) -> None:
    """The second generation names the first one as that is now."""
    ledger = made.ledger
    earlier, present = ledger.firsts
    named = {"origin": earlier, "size": ledger.firsts[present] - 1, "root": ledger.root(earlier).hex()}
    made.tell(ledger.firsts[present], previous=named)


def set_meanwhile(made: Export, off_ms: int) -> None:
    """No outage after all: for five seconds the clock of the recorder was so far off, and then set right again."""
    lobby = made.camera()
    start = point(10) | {"wall_ms": wall(10) + off_ms}
    told = shot("lobby", 43, 15, 6, heard=True).body | {"seq": 44, "start": start, "duration_ms": 5000}
    lobby["beside"] = [made.ledger.enter("segment", told)]
    lobby["gaps"] = []
    made.edit("lobby.vtt", lambda cues: re.sub(rb"\n[^\n]*line:0\n.*\n.*\n", b"", cues))
    made.seal()


def _camera(
    made: Export,
    name: str,
    title: str,
    shots: list[Shot],
    leaf: Mapping[tuple[str, int], int],
    missing: list[Missing],
    *,
    whole: bool,
    max_bytes: int,
    request: str,
) -> tuple[dict[str, Any], dict[str, list[folder.FilmSpan]]]:
    """Its films, subtitles and hashes, and what the list says of them."""
    files = {one.seq: one for one in shots}
    opened = lambda seq: io.BytesIO(files[seq].data)  # noqa: E731
    sources = [SegmentSource(one.seq, wall(one.begin_s), wall(one.begin_s) + one.duration_ms) for one in shots]
    planned = plan(sources, *ASKED, opened, max_bytes)
    assert planned.unfit == ()
    counts = [0]
    for one in shots:
        counts.append(counts[-1] + len(one.hashes))
    made.write(f"proof/{name}.hashes", b"".join(part for one in shots for part in one.hashes))
    camera: dict[str, Any] = {"id": name, "name": title, "hashes": f"proof/{name}.hashes", "loose": []}
    camera["headers"] = f"proof/{name}.headers"
    camera |= {"files": [], "segments": [], "gaps": [], "destroyed": [], "beside": []}
    played = {}
    line = f"{title} {SITE}{f'　申請案號 {request}' if request else ''}"
    for number, film in enumerate(planned.films):
        stem = name if not number else f"{name}-{number + 1}"
        path, subtitles = f"{stem}{film.suffix}", f"{stem}.vtt"
        made.write(path, b"".join(blocks(film, opened)))
        made.write(subtitles, "".join(webvtt(film, line, ZONE, missing)).encode())
        played[path] = folder.spans(film)
        camera["files"].append({"path": path, "subtitles": subtitles})
        for take in film.takes:
            shown = files[take.segment]
            original = f"original/{name}/{shown.seq}.mp4" if whole else None
            if original:
                made.write(original, shown.data)
            camera["segments"].append(
                {
                    "leaf": leaf[name, shown.seq],
                    "file": number,
                    "at": take.film_at,
                    "bytes": take.bytes,
                    "first_part": take.first,
                    "last_part": take.last,
                    "sequence": take.sequence,
                    "offsets": {str(track): offset for track, offset in take.offsets.items()},
                    "first_hash": counts[shots.index(shown)],
                    "header_bytes": len(shown.header),
                    "original": original,
                }
            )
            made.headers[leaf[name, shown.seq]] = shown.header
    spans = [span for path in played for span in played[path]]
    camera["from"] = rfc3339(spans[0].wall_ms)
    camera["to"] = rfc3339(spans[-1].wall_ms + spans[-1].length_ms)
    return camera, played
