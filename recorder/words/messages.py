"""What the daemon and a camera's worker say to each other: one datagram each over a SOCK_SEQPACKET pair, in JSON.

Messages are tagged, closed and checked on arrival, because a worker parses what the network sends and is not trusted:
a datagram that does not decode is a `WireError`, and the end of that worker, never of the daemon (L4). No pickle
crosses this border. With a `Watch` goes one descriptor. Imports only msgspec and the model: a worker pays for what
stands here. One worker is one session with its camera: it connects, records until something ends it, says `Ended` and
exits.

    daemon                            worker
    Start ------------------------->  connects                 (exits on EOF of the socket, at once)
    <-------------------------------  Connected
    <-------------------------------  Opening                  bytes are held in memory until the answer
    Granted / Refused ------------->  .part appears            row first, file second
    <-------------------------------  Stats, every second
    <-------------------------------  Hole                     the camera paused; nothing that was sent is missing
    <-------------------------------  Closed                   file renamed and synced, row still missing
    Terms, Cut -------------------->  from the next segment on
    Watch, with a socket ---------->  copies of units go there, beside all this (`recorder.worker.fan_out`)
    Stop -------------------------->  finishes what it has
    <-------------------------------  Closed, Ended            exit
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec

from storage.words.message import NOTHING, Message, shown
from storage.words.model import GapCause

T = TypeVar("T", bound=msgspec.Struct)

MAX_MESSAGE_BYTES: Final = 65_536
"""Largest datagram either side sends or accepts; the longest real one (`Start` with a long URL) is under 4 KiB."""
WAKE_MS: Final = 450
"""Between two looks at what a camera sent: one look, one fragment, one sync. Less costs more, each millisecond of it is
lost at a power cut."""
SLOW_MS: Final = 200
"""A picture is complete when the next one begins, unless the camera marks its last packet (and can be believed): this
is five a second. Of a camera that sends fewer and marks none, that one picture waits for longer."""
HELD_MS: Final = WAKE_MS + SLOW_MS
"""S6: a power cut costs at most this, `sync_ms`, and as long as the last sync takes. What is in memory at the worst
instant: what gathers until the next look, and a picture that is not followed by another yet. The first second of a
session apart, while it is not known yet whether there will be sound."""
PLACE: Final = struct.Struct("<I")
"""How the page that daemon and group share says whose turn it is (`Start.place`); 0: nobody's."""
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""What a worker counts; more than that no database keeps."""
Seq: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
WallMs: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]
"""Up to the end of the year 9999: a segment's file is named after it."""
ClockOffsetMs: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
"""The camera's own clock minus ours; one that was never set is decades behind."""
Sha256Hex: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class Kind(StrEnum):
    """What a watcher wants."""

    KEY = "key"
    """Key frames alone; one that waits gives way to the next."""
    ALL = "all"
    """Every unit as soon as it comes."""
    LOOK = "look"
    """One key frame and the sound of `LOOK_SOUND_S` that follows it; then it is over."""


class WireMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """Base of all messages; `kind` names the class. A `Message` for people crosses as `Message.told`."""


class Terms(WireMessage, frozen=True, tag="terms"):
    """Under which the next segments are recorded. The worker writes them into the file, the daemon into the row."""

    volume: str
    volume_path: str
    floor_s: int
    ceiling_s: int
    epoch: int
    synced: bool


class Start(WireMessage, frozen=True, tag="start"):
    """The first message: whom to record and how. `url` carries no user or password."""

    camera: str
    url: str
    username: str
    password: str
    boot_id: str
    next_seq: int
    previous_sha256: str
    """Hex hash of the last committed segment, "" when there is none."""
    segment_ms: int
    sync_ms: int
    """A file's data is synced at least this often; see `HELD_MS`."""
    terms: Terms
    certificate: str = ""
    """rtsps: the fingerprint of the camera's certificate; "" trusts whom `ca_file`, or else the system, trusts."""
    ca_file: str = ""
    place: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 0
    """Which of the sessions of a group it is, if a descriptor comes along: who connects hands the stream over there.
    0: it is read where it was connected."""
    fd: int = -1
    """The group's, set on arrival (`receive`); -1 if none came."""

    def __repr__(self) -> str:
        """Whoever prints or logs it, by intent or not, sees no password."""
        return f"Start(camera={self.camera!r}, next_seq={self.next_seq!r}, …)"


class Granted(WireMessage, frozen=True, tag="granted"):
    """The `open` row of this segment is committed: its file may appear."""

    seq: int


class Refused(WireMessage, frozen=True, tag="refused"):
    """This segment must not be written; the camera stays connected and asks again with its next one."""

    seq: int
    cause: GapCause


class Cut(WireMessage, frozen=True, tag="cut"):
    """Begin a new segment at the next key frame, e.g. because the wall clock was stepped."""


class Stop(WireMessage, frozen=True, tag="stop"):
    """Close the segment, say `Ended`, exit."""


class Watch(WireMessage, frozen=True, tag="watch"):
    """Hand copies of units out over the socket that comes with this datagram, as long as the session lasts."""

    what: Kind
    fd: int = -1
    """Where it is here; set on arrival (`wire.receive`), -1 if none came."""


class Connected(WireMessage, frozen=True, tag="connected"):
    """The stream is open; `audio` is "" without sound. Sizes in pixels."""

    video: str
    width: int
    height: int
    audio: str
    detail: Message
    """What was refused or is odd ("sound codec g726 cannot be kept: recorded without sound"); "" if nothing."""


class Opening(WireMessage, frozen=True, tag="opening"):
    """A segment begins: its first key frame was shown at `wall_ms`, on this boot's clock `boottime_ms`."""

    seq: Seq
    wall_ms: WallMs
    boottime_ms: Count
    terms: Terms


class Closed(WireMessage, frozen=True, tag="closed"):
    """The file lies complete, synced and under its final name."""

    seq: Seq
    end_wall_ms: WallMs
    end_boottime_ms: Count
    bytes: Count
    sha256: Sha256Hex
    parts: Count
    parts_root: Sha256Hex
    """Of the file's parts (`storage.segments.segment_file`)."""
    video_frames: Count
    camera_offset_ms: ClockOffsetMs | None = None
    """As last heard while this segment was recorded; None while the camera does not tell its clock."""


class Abandoned(WireMessage, frozen=True, tag="abandoned"):
    """The segment could not be written on (disk); what is durable of its `.part` is for salvage.

    Said at once, also while the disk hangs: the file may stay locked for a while.
    """

    seq: Seq
    cause: GapCause
    detail: Message


class Stats(WireMessage, frozen=True, tag="stats"):
    """Since `Connected`; counters only grow. `last_frame_boottime_ms` is 0 before the first frame."""

    video_frames: Count
    bytes: Count
    last_frame_boottime_ms: Count
    repaired: Count
    """Packets whose timestamps had to be mended."""
    dropped: Count
    """Packets that could not be kept."""
    slowest_sync_ms: Count
    """Longest fdatasync since the last report."""
    queued_bytes: Count
    """Bytes that wait for the disk."""
    lost_packets: Count = 0
    """What the network lost: packets of the transport that never came."""
    camera_offset_ms: ClockOffsetMs | None = None
    """As last heard; None while the camera does not tell its clock."""
    sound_units: Count = 0
    """Pieces of sound that came: a camera may promise sound and send none."""
    sound_lag_ms: ClockOffsetMs | None = None
    """How far behind its picture the sound came, over the last minute; None while that is not known."""
    late_ms: Count = 0
    """How much later than it was due the camera was looked at, at the worst since the last report."""
    boottime_ms: Count = 0
    """When these counters stood so, which may be long before the daemon has time to hear of it; 0: when it hears."""
    key_frames: Count = 0
    """Of `video_frames`."""
    key_bytes: Count = 0
    """Of `bytes`, in key frames; what is neither here nor in `sound_bytes` is in the pictures between them."""
    sound_bytes: Count = 0


class Hole(WireMessage, frozen=True, tag="hole"):
    """The camera sent no picture in between and went on within its session (`recorder.worker.recording`): a gap that
    lies inside a segment, or across a cut. Told once it is over, and only while segments are written.
    """

    start_boottime_ms: Count
    end_boottime_ms: Count


class Ended(WireMessage, frozen=True, tag="ended"):
    """The worker's last words. `cause` is None after `Stop`."""

    cause: GapCause | None
    tried: Message = NOTHING
    """"RTSP over TCP to 10.0.0.11:554, path /stream1, user viewer": what was tried, without a secret."""
    came_back: Message = NOTHING
    """"401 Unauthorized": what came back."""
    check: Message = NOTHING
    """"user and password of this camera": what to check, worded to follow "Check "."""


ToWorker = Start | Terms | Granted | Refused | Cut | Watch | Stop
FromWorker = Connected | Opening | Closed | Abandoned | Hole | Stats | Ended


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message in a message. None is deeper: whoever reads it must come to an end."""

    text: str
    code: str
    values: dict[str, str | int | float]


class _Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message for people as it crosses."""

    text: str
    code: str
    values: dict[str, str | int | float | list[str] | _Part]


def _told(value: Any) -> dict[str, Any]:
    if isinstance(value, Message):
        return {
            "text": str(value),
            "code": value.code,
            "values": {name: _flat(one) for name, one in value.values.items()},
        }
    raise TypeError(type(value))


def _flat(value: Any) -> Any:
    """What may stand in a message: of a message in it, what is deeper crosses as text."""
    if isinstance(value, Message) and value.code:
        values = {name: one if isinstance(one, int | float) else shown(name, one) for name, one in value.values.items()}
        return {"text": str(value), "code": value.code, "values": values}
    return [str(one) for one in value] if isinstance(value, list) else str(value) if isinstance(value, str) else value


def _message(_: type, told: Any) -> Message:
    if isinstance(told, str):
        return Message(told)
    return Message.of(**msgspec.to_builtins(msgspec.convert(told, _Told)))


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_told)
_COMMANDS: Final[msgspec.json.Decoder[ToWorker]] = msgspec.json.Decoder(ToWorker)
_REPORTS: Final[msgspec.json.Decoder[FromWorker]] = msgspec.json.Decoder(FromWorker, dec_hook=_message)
_FD: Final = struct.Struct("i")
_ROOM: Final = socket.CMSG_LEN(_FD.size)
"""For one descriptor; the kernel closes what does not fit."""


class WireError(Exception):
    """What came over the socket is no message. Never quotes it: a `Start` carries a password."""


def encode(message: WireMessage) -> bytes:
    """One message as one datagram."""
    data = _ENCODER.encode(message)
    if len(data) > MAX_MESSAGE_BYTES:
        raise WireError(f"a {type(message).__name__} of {len(data)} bytes is longer than {MAX_MESSAGE_BYTES}")
    return data


def decode_command(data: bytes) -> ToWorker:
    """Worker's side: what the daemon said."""
    try:
        return _COMMANDS.decode(data)
    except ValueError:  # also UnicodeDecodeError
        raise WireError(f"{len(data)} bytes that are no message to a worker") from None


def decode_report(data: bytes) -> FromWorker:
    """Daemon's side: what a worker said."""
    try:
        return _REPORTS.decode(data)
    except (ValueError, RecursionError):  # also UnicodeDecodeError
        raise WireError(f"{len(data)} bytes that are no message from a worker") from None


def pack(value: msgspec.Struct) -> bytes:
    """Values that one worker process hands to another, messages for people among them."""
    return msgspec.msgpack.encode(value, enc_hook=_told)


def unpacker(kind: type[T]) -> Callable[[bytes], T]:
    """The contrary of `pack`; it raises `WireError`. To be made once: what it needs of `kind` is costly to find."""
    decoder = msgspec.msgpack.Decoder(kind, dec_hook=_message)

    def unpack(data: bytes) -> T:
        try:
            return decoder.decode(data)
        except (ValueError, RecursionError):
            raise WireError(f"{len(data)} bytes that are no {kind.__name__}") from None

    return unpack


def send(sock: socket.socket, message: WireMessage, fd: int | None = None) -> None:
    """Blocks while the other side does not read. Safe from several threads: a datagram is written whole. A copy of `fd`
    goes with it."""
    sock.sendmsg([encode(message)], _along(fd))


def offer(sock: socket.socket, message: WireMessage, fd: int | None = None) -> bool:
    """As `send`, but says False instead of waiting when the other side does not read. A copy of `fd` goes with it."""
    try:
        sock.sendmsg([encode(message)], _along(fd), socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    return True


def _along(fd: int | None) -> list[tuple[int, int, bytes]]:
    return [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, _FD.pack(fd))]


def datagram(sock: socket.socket) -> tuple[bytes, int]:
    """The next datagram and the descriptor that came with it, -1 for none; it is the receiver's. Empty at EOF, also
    when the other side died with something of ours unread.
    """
    try:
        data, along, _, _ = sock.recvmsg(MAX_MESSAGE_BYTES + 1, _ROOM, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return b"", -1
    return data, next((_FD.unpack(what)[0] for _, kind, what in along if kind == socket.SCM_RIGHTS), -1)


def receive(sock: socket.socket) -> ToWorker | None:
    """Worker's side: the next command, or None at EOF. A descriptor that came with it is the receiver's."""
    data, fd = datagram(sock)
    if not data:
        return None
    message = decode_command(data)
    if isinstance(message, Watch | Start):
        return msgspec.structs.replace(message, fd=fd)
    if fd >= 0:
        os.close(fd)
    return message
