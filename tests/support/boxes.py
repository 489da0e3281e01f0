"""Boxes as the fleet page sees them: what each keeps at the broker, made with the product's own payloads."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from mqtt.contract import messages
from mqtt.contract.messages import Payload, Publication
from storage.words.message import NOTHING, message, with_advice
from tests.support.brokers import DEADLINE_S

DAY_S: Final = 86_400
NO_ANSWER: Final = message("session.no-answer", "no answer from this address")
REASONS: Final = {
    "down": NO_ANSWER,
    "degraded": message("camera.slow", "fewer than the expected {fps} images/s", fps=10),
}
LOOK: Final = message(
    "action.check",
    "Check {what}",
    what=message("session.no-answer.check", "power and network cable of the camera, and its IP address"),
)
TOO_SMALL: Final = message(
    "alarm.floors-do-not-fit",
    "The floors do not fit the volumes: at the present rates they ask for more than there is room for",
)
SPACE: Final = message(
    "alarm.floors-do-not-fit.action",
    "Add space, lower bit rates or shorten floors before the volumes are full; `edgectl retention` shows the figures",
)
OFFICES: Final = (
    "文山", "大安", "信義", "中正", "萬華", "北投", "士林", "內湖", "南港", "松山", "板橋", "三重", "中和", "新店",
    "淡水", "桃園", "中壢", "竹北", "苗栗", "豐原", "彰化", "南投", "斗六", "嘉義", "新營", "鳳山", "屏東", "宜蘭",
    "花蓮", "臺東", "澎湖", "金門", "馬祖", "羅東", "頭份", "員林", "虎尾", "朴子", "永康", "岡山",
)  # fmt: skip


@dataclass(frozen=True)
class Box:
    """One box at one moment; `ts` in milliseconds since 1970, spans in days, `coverage` a share."""

    node: str
    ts: int
    office: str = "wenshan"
    profile: str = "household"
    name: str = "文山區戶政事務所"
    cameras: tuple[str, ...] = ("lobby", "stairs")
    down: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    """With picture and sound of its first camera."""
    state: str = "online"
    coverage: float = 0.9987
    gaps: int = 1
    retained: float = 41.3
    compliant: bool = True
    volume: str = "in-service"
    alarms: tuple[dict[str, Any], ...] = ()
    epoch: int = 7
    office_counts: dict[str, int] | None = None
    """What it says of requests; None: it says nothing."""
    stamp: messages.Stamp = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stamp", {"ts": self.ts, "epoch": self.epoch, "seq": 1})

    def but(self, **changes: Any) -> Box:
        return replace(self, **changes)

    def said(self) -> list[Publication]:
        """All that it keeps at the broker, as it comes at a connection."""
        state: list[Payload] = [self.status(), self.birth()]
        state += [payload for camera in self.cameras for payload in (self.health(camera), self.retention(camera))]
        state += [self.storage(), self.checkpoint()]
        asked = [] if self.office_counts is None else [self.requests(**self.office_counts)]
        return [*(messages.publication(self.node, payload) for payload in state), *map(self.alarm, self.alarms), *asked]

    def status(self) -> messages.Status:
        return messages.Status.model_validate({**self.stamp, "state": self.state, "boot": "b"})

    def birth(self) -> messages.Birth:
        return messages.Birth(
            **self.stamp, node=self.node, office=self.office, name=self.name, timezone="Asia/Taipei",
            profile=self.profile, boot="b", started_ms=self.ts - 3_600_000, version="0.1.0", python="3.11.2",
            av="18.1.0", ffmpeg="8.1", sqlite="3.40.1", volumes=["v1"], capabilities=[], config_sha256="0" * 64,
            cameras=list(self.cameras),
        )  # fmt: skip

    def heartbeat(self, *, synced: bool = True) -> Publication:
        beat = messages.Heartbeat(
            **self.stamp, uptime_s=3600.0, box_uptime_s=7200.0, clock_synced=synced, clock_epoch=1,
            disk_total_bytes=4 * 10**12, disk_free_bytes=3 * 10**11, outbox_messages=0,
        )  # fmt: skip
        return messages.publication(self.node, beat)

    def health(self, camera: str) -> messages.CameraHealth:
        state = "down" if camera in self.down else "degraded" if camera in self.degraded else "recording"
        reason = REASONS.get(state, NOTHING)
        return messages.CameraHealth.model_validate({
            **self.stamp, "camera": camera, "state": state, "since_ms": self.ts - 60_000,
            "reason": str(reason), "reason_code": reason.code, "reason_values": reason.data,
            "fps": 10.0, "width": 1920, "height": 1080, "codec": "h264", "audio": "", "bitrate_bps": 2_000_000,
            "last_frame_age_s": 0.1, "clock_offset_ms": 12, "coverage_24h": self.coverage, "unexplained_s": 0.0,
            "gaps_24h": self.gaps, "faults": list(self.wrong) if camera == self.cameras[0] else [],
        })  # fmt: skip

    def retention(self, camera: str) -> messages.CameraRetention:
        return messages.CameraRetention(
            **self.stamp, camera=camera, floor_s=31 * DAY_S, ceiling_s=365 * DAY_S, retained_s=self.retained * DAY_S,
            covered_s=30.9 * DAY_S, gone_s=0.0, forecast_s=58.0 * DAY_S, full_in_s=None, floor_at_risk_in_s=None,
            compliant=self.compliant, segments=11_900, bytes=890 * 10**9,
        )  # fmt: skip

    def storage(self) -> messages.Storage:
        return messages.Storage.model_validate({
            **self.stamp, "volume": "v1", "path": "/srv/edged", "state": self.volume, "reason": "",
            "total_bytes": 4 * 10**12, "free_bytes": 3 * 10**11, "ring_bytes": 34 * 10**11, "limit_bytes": 38 * 10**11,
            "others_bytes": 10**9, "segments": 190_400, "full_in_s": None, "floor_at_risk_in_s": None,
        })  # fmt: skip

    def checkpoint(self) -> messages.LedgerCheckpoint:
        note = f"edged/{self.node}\n204817\n{'A' * 43}=\n\n— edged/{self.node} {'B' * 88}\n"
        return messages.LedgerCheckpoint(
            **self.stamp, origin=f"edged/{self.node}", size=204_817, root="ab" * 32, first=1, key="k", note=note
        )

    def alarm(self, alarm: dict[str, Any]) -> Publication:
        told = {
            **self.stamp,
            "occurrence": "1:1",
            "since_ms": self.ts - 600_000,
            "cleared_ms": None,
            "count": 1,
            **alarm,
        }
        return messages.publication(self.node, messages.AlarmState.model_validate(told))

    def pin(self, pin: str) -> Publication:
        held = messages.PinState(
            **self.stamp, pin=pin, state="approved", ground="law", cameras=list(self.cameras[:1]),
            from_ms=self.ts - 7_200_000, to_ms=self.ts - 3_600_000, placed_ms=self.ts, span_ms=30 * DAY_S * 1000,
            until_ms=self.ts + 30 * DAY_S * 1000,
        )  # fmt: skip
        return messages.publication(self.node, held)

    def maintenance(self, *cameras: str, held: int = 0, until_ms: int | None = None) -> Publication:
        """Of these cameras; of none: of the whole box."""
        work = messages.MaintenanceState(
            **self.stamp, maintenance="M-20260507-7H2C", cameras=list(cameras), started_ms=self.ts - 600_000,
            until_ms=self.ts + 6_600_000 if until_ms is None else until_ms, held=held,
        )  # fmt: skip
        return messages.publication(self.node, work)

    def requests(self, **changes: Any) -> Publication:
        """Nobody asked for anything this year, unless `changes` say otherwise."""
        counts = dict.fromkeys(messages.Office.model_fields.keys() - messages.Payload.model_fields.keys(), 0)
        told = {**self.stamp, **counts, "opened": True, "shut": False, "year": 115, **changes}
        return messages.publication(self.node, messages.Office.model_validate(told))

    def fault(self, fault: str, state: str = "found", **changes: Any) -> Publication:
        """A ticket of the first camera, unless `changes` say otherwise."""
        done = {"found": (None, None), "reported": (self.ts, None), "repaired": (self.ts, self.ts)}[state]
        told = {
            **self.stamp, "fault": fault, "state": state, "key": f"camera.down:{self.cameras[0]}", "over": False,
            "camera": self.cameras[0], "volume": None, "found_ms": self.ts - 90_000_000, "reported_ms": done[0],
            "repaired_ms": done[1], **changes,
        }  # fmt: skip
        return messages.publication(self.node, messages.FaultState.model_validate(told))


def alarm(key: str = "camera.down:lobby", severity: str = "critical", **changes: Any) -> dict[str, Any]:
    told = {"key": key, "severity": severity, "state": "raised", "acknowledged": False}
    told |= {"text": "Camera lobby is not recorded: no frame for 42 s", "action": "Check its power and its cable"}
    return told | changes


def retained(topic: str, payload: Any) -> Publication:
    """Anything, as JSON; bytes as they are."""
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Publication(topic=topic, payload=raw, qos=1, retain=True)


def emptied(topic: str) -> Publication:
    """What takes a topic away from the broker, whoever does it."""
    return retained(topic, b"")


LATE: Final = 11
"""Of 25 boxes, the one that is late with a reply."""


def fleet(boxes: int, cameras: int, ts: int) -> list[Box]:
    """Mostly in order: of 25 boxes one is offline, one has a camera down, and two want to be looked at."""
    names = tuple(f"cam-{number:02}" for number in range(1, cameras + 1))
    return [_one(number, names, ts) for number in range(boxes)]


def _one(number: int, cameras: tuple[str, ...], ts: int) -> Box:
    office = OFFICES[number // 5 % len(OFFICES)]
    place = ("所本部", "第一辦公室", "第二辦公室", "機房", "檔案室")[number % 5]
    box = Box(
        node=f"box-{number + 1:03}", ts=ts - number * 900 % 60_000, office=office, name=f"{office}戶政事務所 {place}",
        cameras=cameras, coverage=0.9999 - number % 13 / 4000, gaps=number % 7, retained=33 + number % 40,
        office_counts=_asked(number),
    )  # fmt: skip
    match number % 25:
        case 6:
            return box.but(state="offline", ts=ts - (number + 3) * 3_600_000)
        case 11:
            down = message(
                "alarm.camera-down", "Camera {camera} is not recorded: {reason}", camera=cameras[3], reason=NO_ANSWER
            )
            told = alarm(f"camera.down:{cameras[3]}", **with_advice(down, LOOK))
            return box.but(down=cameras[3:4], alarms=(told,), coverage=0.941)
        case 17:
            return box.but(degraded=cameras[:2])
        case 23:
            told = alarm("retention.floors-do-not-fit", "warning", **with_advice(TOO_SMALL, SPACE), acknowledged=True)
            return box.but(alarms=(told,), compliant=False, retained=29.5)
    return box


def _asked(number: int) -> dict[str, int]:
    """Of the requests of a year; one box of 25 is late with a reply."""
    deciding, granted, part, refused, withdrawn = (number % most for most in (4, 41, 5, 7, 3))
    late = int(number % 25 == LATE)
    return {
        "requests_open": deciding + late + number % 2, "requests_deciding": deciding + late,
        "requests_granted": number % 2, "requests_closed": granted + part + refused + withdrawn,
        "overdue": late, "overdue_by_office": late,
        "year_received": deciding + late + granted + part + refused + withdrawn, "year_deciding": deciding + late,
        "year_granted": granted, "year_in_part": part, "year_refused": refused, "year_withdrawn": withdrawn,
        "year_late": late, "year_viewings": granted, "year_copies": granted // 3,
    }  # fmt: skip


class Mouth:
    """Says to a broker what boxes would say; each call returns once the broker has it."""

    def __init__(self, port: int) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="mouth", reconnect_on_failure=False)
        self._client.max_inflight_messages_set(1000)
        self._connected = threading.Event()
        self._client.on_connect = lambda *_: self._connected.set()
        self._client.connect("127.0.0.1", port)

    def __enter__(self) -> Self:
        self._client.loop_start()
        assert self._connected.wait(DEADLINE_S), "the broker does not answer"
        return self

    def __exit__(self, *_exc: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._client.on_connect = None

    def say(self, said: Iterable[Publication]) -> None:
        waiting = [self._client.publish(one.topic, one.payload, one.qos, one.retain) for one in said]
        for one in waiting:
            one.wait_for_publish(DEADLINE_S)
            assert one.is_published(), "the broker did not take it"
