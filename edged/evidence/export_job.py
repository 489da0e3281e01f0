"""An export as files: which films are made of which segments, under which names. Blocking.

Made from the leaves that the export consists of and from the segments themselves, so after a restart it is made
anew and is the same; `digest` says whether it is.

Segments are read once from end to end before anything of them leaves (`read`): are they what their leaves say? The
hashes of their parts lie in a file of the state directory meanwhile (`Hashes`), 36 bytes for each, so that an
export of a day takes no memory. A segment that is not what its leaf says is told by name, and put into no film.

Files leave as `Source`: of known length, the same bytes whenever they are asked for again, from any octet on. Their
hashes are made while they leave; what was not read to its end by then is read on from there.

The names of the folder and of the files in it are such as FAT32, Windows and the list take.
"""

from __future__ import annotations

import json
import re
import shutil
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias
from zoneinfo import ZoneInfo

from edged.evidence.verify import BY_REQUEST, CAUSES
from recorder.remux import film as remux
from recorder.remux.film import Film, Take, blocks
from storage.exports.model import CameraContents, Contents, Export, Recorded
from storage.segments.segment_file import FragmentHasher, Part
from storage.words.errors import OrderWrong, said
from storage.words.message import Message, message

LIST: Final = "proof/manifest.json"
ENVELOPE: Final = "proof/manifest.dsse.json"
LEAVES: Final = "proof/leaves.jsonl"
KEYS: Final = "proof/key.txt"
PAGE: Final = "index.html"
README: Final = "README.txt"
VERIFIER: Final = "verify.py"
_DEVICES: Final = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
"""What Windows takes for a device, whatever stands behind the dot."""
_OURS: Final = {"index", "readme", "verify", "proof", "original"}
_STRANGE: Final = re.compile(r"[^A-Za-z0-9_-]")
NAME_MAX: Final = 48


def folder_name(node: str, begun_ms: int, zone: tzinfo, export_id: str) -> str:
    """Of an export that began then, by the site's clock."""
    begun = datetime.fromtimestamp(begun_ms / 1000, zone)
    return f"{node}-{begun:%Y%m%d-%H%M}-{export_id}"


class UsedNames:
    """Hands out names before the dot, none of which differs from another by case alone."""

    def __init__(self) -> None:
        self._taken = _DEVICES | _OURS

    def camera(self, name: str) -> str:
        """Of a camera's films; as far as can be its own id."""
        plain = _STRANGE.sub("_", name)[:NAME_MAX] or "camera"
        return self._free(plain if plain.lower() not in _DEVICES | _OURS else f"camera-{plain}")

    def film(self, stem: str, number: int) -> str:
        """Of its films, from 0 on."""
        return stem if not number else self._free(f"{stem}-{number + 1}")

    def _free(self, wanted: str) -> str:
        found, count = wanted, 1
        while found.lower() in self._taken:
            count += 1
            found = f"{wanted}_{count}"
        self._taken.add(found.lower())
        return found


def checkpoint_name(number: int, *, last: bool) -> str:
    """Of the signed head of a generation, from 0 on."""
    return "proof/checkpoint.txt" if last else f"proof/checkpoint-{number + 1}.txt"


BLOCK: Final = 1 << 20
GATHERED: Final = 1 << 16
"""Cues are handed out so many octets at a time."""
_RECORD: Final = struct.Struct(">I32s")
HASH: Final = 32
Opened: TypeAlias = Callable[[Recorded], BinaryIO]
Told: TypeAlias = Callable[[int], None]
"""Hears of octets that were read; may pause, and may raise to end it."""


@dataclass(frozen=True, slots=True)
class ExportSite:
    """Where it is made: the site, as configured."""

    node: str
    office: str
    site: str
    timezone: str
    zone: ZoneInfo
    software: str
    cameras: Mapping[str, str]
    """Names by id."""

    def at(self, wall_ms: int) -> str:
        """A time as the list has it: by the site's clock, RFC 3339 with milliseconds."""
        return datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone(self.zone).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class FilmFile:
    """A film with its names."""

    path: str
    subtitles: str
    film: Film


@dataclass(slots=True)
class CameraFiles:
    """All that leaves of one camera."""

    id: str
    name: str
    contents: CameraContents
    hash_list: str
    """Path of the list of all hashes."""
    header_list: str
    """Path of the headers of the segments in its films, one behind the other."""
    hashes: Hashes
    reads: dict[int, Read]
    """By leaf."""
    film_files: list[FilmFile] = field(default_factory=list)
    loose: list[Read] = field(default_factory=list)
    """Their files leave whole, and no film is made of them."""
    kept_back: list[Read] = field(default_factory=list)
    """No film is made of them, and whole they reach beyond what a request grants: nothing of them leaves."""
    originals: dict[int, str] = field(default_factory=dict)
    """By leaf, paths of the segments' own files."""

    @property
    def films(self) -> list[Film]:
        return [one.film for one in self.film_files]

    def header_bytes(self, leaf: int) -> int:
        """Length of part 0 of a segment that is in a film."""
        return self.hashes.parts(self.reads[leaf].first_hash or 0, 1)[0].bytes

    @property
    def lost(self) -> list[Read]:
        """What cannot be read at all."""
        return [one for one in self.reads.values() if not one.there]


class ExportJob:
    """One export being copied."""

    def __init__(self, export: Export, place: ExportSite, spool: Path) -> None:
        self.export = export
        self.place = place
        self.spool = spool
        self.cameras: list[CameraFiles] = []
        self.sources: dict[str, FileStream] = {}
        """By path in the folder: footage and what belongs to it."""
        self.papers: dict[str, FileStream] = {}
        """Lists and proofs, once it is sealed."""
        self.manifest = ""
        """SHA-256 of the list, once it is sealed."""
        self.lock = threading.Lock()

    @property
    def digest(self) -> str:
        """Of what leaves, and where it lies: another one means other bytes."""
        films = [(one.path, str(one.film.takes)) for camera in self.cameras for one in camera.film_files]
        lengths = sorted((path, source.size) for path, source in self.sources.items())
        return sha256(json.dumps([self.export.id, films, lengths]).encode()).hexdigest()

    def prepare(self, contents: Contents, opened: Opened, told: Told) -> None:
        """Read every segment, and plan the films. OSError for the state directory; what `told` raises."""
        shutil.rmtree(self.spool, ignore_errors=True)
        self.spool.mkdir(parents=True, mode=0o700)
        names = UsedNames()
        named = [(name, one, names.camera(name)) for name, one in contents.cameras.items()]
        for number, (name, one, stem) in enumerate(named):
            hashes = Hashes(self.spool / f"{number}.hashes")
            reads = {segment.leaf: read(segment, opened, hashes, told) for segment in one.segments}
            title = self.place.cameras.get(name, name)
            camera = CameraFiles(name, title, one, f"proof/{stem}.hashes", f"proof/{stem}.headers", hashes, reads)
            self._film(camera, stem, names, opened)
            self._headers(camera, self.spool / f"{number}.headers", opened)
            self._originals(camera, stem, opened)
            self.sources[camera.hash_list] = FileStream(32 * len(hashes), hashes.blocks)
            self.cameras.append(camera)

    def _film(self, camera: CameraFiles, stem: str, names: UsedNames, opened: Opened) -> None:
        segments = {one.segment.leaf: one.segment for one in camera.reads.values()}
        opener = lambda leaf: opened(segments[leaf])  # noqa: E731
        unfit: dict[int, str] = {}
        while True:
            usable = [one for one in camera.reads.values() if one.trouble is None and one.segment.leaf not in unfit]
            planned = self._planned([one.segment for one in usable], opener)
            strange = {one.id: one.reason for one in planned.unfit} | self._misfits(camera, planned)
            if not strange:
                break
            unfit |= strange
        for leaf, reason in unfit.items():
            camera.reads[leaf] = Read(
                segments[leaf], None, message("manifest.no-film", "no film can be made of it: {reason}", reason=reason)
            )
        for one in camera.reads.values():
            if one.trouble is not None and one.there:
                (camera.loose if self._may_leave_whole(one.segment) else camera.kept_back).append(one)
        missing = list(_missing(camera.contents))
        for number, film in enumerate(planned.films):
            name = names.film(stem, number)
            film_file = FilmFile(f"{name}{film.suffix}", f"{name}.vtt", film)
            camera.film_files.append(film_file)
            self.sources[film_file.path] = FileStream(film.bytes, partial(blocks, film, opener))
            text = partial(remux.webvtt, film, self._line(camera), self.place.zone, missing)
            self.sources[film_file.subtitles] = of_text(text)

    def _may_leave_whole(self, segment: Recorded) -> bool:
        first_ms, last_ms = self.export.order.interval.first_ms, self.export.order.interval.last_ms
        return self.export.order.request is None or first_ms <= segment.start_ms < segment.end_ms <= last_ms

    def _line(self, camera: CameraFiles) -> str:
        """What each subtitle says below the time."""
        request = self.export.order.request
        return f"{camera.name} {self.place.site}{'' if request is None else BY_REQUEST + request.number}"

    def _planned(self, segments: Sequence[Recorded], opener: remux.Opener) -> remux.Plan:
        interval, order = self.export.order.interval, self.export.order
        sources = [remux.SegmentSource(one.leaf, one.start_ms, one.end_ms) for one in segments]
        try:
            return remux.plan(sources, interval.first_ms, interval.last_ms, opener, order.max_bytes)
        except ValueError as error:
            raise OrderWrong(
                message("manifest.no-film-fits", "no film fits: {reason}", reason=said(error)),
                message("manifest.no-film-fits.action", "allow larger files: --max-file"),
            ) from None

    def _misfits(self, camera: CameraFiles, planned: remux.Plan) -> dict[int, str]:
        """What the plan takes for parts is not what was hashed."""
        strange: dict[int, str] = {}
        for take in takes(planned.films):
            one = camera.reads[take.segment]
            count = one.segment.parts.count if one.segment.parts is not None else 0
            if not take.is_made_of(camera.hashes.parts(one.first_hash or 0, count)):
                strange[take.segment] = message(
                    "manifest.index-differs", "its fragments lie otherwise than its index says"
                )
        return strange

    def _headers(self, camera: CameraFiles, path: Path, opened: Opened) -> None:
        """A film has the header of its first segment; whether it shows the others as they were, theirs say."""
        with path.open("wb") as file:
            for leaf in dict.fromkeys(take.segment for take in takes(camera.films)):
                with opened(camera.reads[leaf].segment) as segment:
                    file.write(segment.read(camera.header_bytes(leaf)))
        self.sources[camera.header_list] = of_file(path)

    def _originals(self, camera: CameraFiles, stem: str, opened: Opened) -> None:
        """Of what no film could be made, and of all that is in a film where that was asked for."""
        wanted = {one.segment.leaf: one.segment for one in camera.loose}
        if self.export.order.whole:
            wanted |= {take.segment: camera.reads[take.segment].segment for take in takes(camera.films)}
        for leaf, segment in wanted.items():
            path = f"original/{stem}/{segment.relative.name}"
            camera.originals[leaf] = path
            with opened(segment) as file:
                size = file.seek(0, 2)
            self.sources[path] = FileStream(size, partial(_file, opened, segment))


def takes(films: Sequence[Film]) -> Iterator[Take]:
    """Pieces of segments, in the order of the films."""
    for film in films:
        yield from film.takes


def _file(opened: Opened, segment: Recorded, begin: int) -> Iterator[bytes]:
    with opened(segment) as file:
        file.seek(begin)
        while block := file.read(BLOCK):
            yield block


def _missing(contents: CameraContents) -> Iterator[remux.Missing]:
    for gap in contents.gaps:
        cause = " ".join(CAUSES.get(gap.cause, (gap.cause,)))
        for begin, end in gap.spans:
            yield remux.Missing(begin, end, cause)


@dataclass(frozen=True, slots=True)
class Read:
    """A segment that was read. `first_hash`: the number of its part 0 in the camera's list, if it is in it."""

    segment: Recorded
    first_hash: int | None
    trouble: Message | None = None
    """Why no film can be made of it, in words; None: it is sound, and can be proven piece by piece."""
    there: bool = True
    """Its file can be read."""


class Hashes:
    """Of all parts of the sound segments of a camera, one behind the other, with their lengths."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = 0
        path.write_bytes(b"")

    def __len__(self) -> int:
        return self._count

    def add(self, parts: Sequence[Part]) -> int:
        """The number of the first one."""
        with self._path.open("ab") as file:
            file.write(b"".join(_RECORD.pack(part.bytes, part.hash) for part in parts))
        first, self._count = self._count, self._count + len(parts)
        return first

    def parts(self, first: int, count: int) -> list[Part]:
        """Some of them."""
        with self._path.open("rb") as file:
            file.seek(first * _RECORD.size)
            return [Part(*record) for record in _RECORD.iter_unpack(file.read(count * _RECORD.size))]

    def blocks(self, begin: int) -> Iterator[bytes]:
        """The list as it leaves: hashes only, from an octet on."""
        first, skip = divmod(begin, HASH)
        with self._path.open("rb") as file:
            file.seek(first * _RECORD.size)
            while data := file.read(_RECORD.size << 12):
                yield b"".join(hashed for _, hashed in _RECORD.iter_unpack(data))[skip:]
                skip = 0


def read(
    segment: Recorded,
    opened: Callable[[Recorded], BinaryIO],
    hashes: Hashes,
    told: Callable[[int], None],
) -> Read:
    """`told` hears of bytes as they are read."""
    whole, parting, parts, size = sha256(), FragmentHasher(), list[Part](), 0
    try:
        with opened(segment) as file:
            while block := file.read(BLOCK):
                whole.update(block)
                parts += parting.update(block)
                size += len(block)
                told(len(block))
    except OSError as error:
        why = said(error)
        return Read(
            segment, None, message("manifest.unreadable", "its file cannot be read: {reason}", reason=why), there=False
        )
    parts += parting.finish()
    if (size, whole.digest()) != (segment.bytes, segment.sha256):
        return Read(
            segment,
            None,
            message("manifest.file-differs", "its file is not what was recorded: SHA-256 or size differ from its leaf"),
        )
    if segment.parts is None:
        return Read(
            segment,
            None,
            message(
                "manifest.whole-only", "its leaf does not tell of its fragments, so only the whole file can be proven"
            ),
        )
    if parting.parts != segment.parts:
        return Read(segment, None, message("manifest.fragments-differ", "its fragments are not those of its leaf"))
    return Read(segment, hashes.add(parts))


@dataclass(slots=True)
class FileStream:
    """One file. `begun` gives its bytes from an octet on."""

    size: int
    begun: Callable[[int], Iterator[bytes]]
    _hash: Any = field(default_factory=sha256)
    _hashed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def blocks(self, begin: int) -> Iterator[bytes]:
        """From an octet on. Raises what reading it raises."""
        at = begin
        for block in self.begun(begin):
            with self._lock:
                if at == self._hashed:
                    self._hash.update(block)
                    self._hashed += len(block)
            at += len(block)
            yield block

    @property
    def left(self) -> int:
        """Octets that are not hashed yet."""
        return self.size - self._hashed

    @property
    def sha256(self) -> str:
        """Once nothing is left."""
        return str(self._hash.hexdigest())


def of_file(path: Path) -> FileStream:
    """A small file of ours."""

    def blocks(begin: int) -> Iterator[bytes]:
        with path.open("rb") as file:
            file.seek(begin)
            while block := file.read(BLOCK):
                yield block

    return FileStream(path.stat().st_size, blocks)


def of_text(pieces: Callable[[], Iterator[str]]) -> FileStream:
    """What is made anew each time; it is gone through once for its length."""

    def blocks(begin: int) -> Iterator[bytes]:
        skip, waiting = begin, bytearray()
        for piece in pieces():
            data = piece.encode()
            if skip:
                data, skip = data[skip:], max(0, skip - len(data))
            waiting += data
            if len(waiting) >= GATHERED:
                yield bytes(waiting)
                waiting.clear()
        if waiting:
            yield bytes(waiting)

    return FileStream(sum(len(piece.encode()) for piece in pieces()), blocks)
