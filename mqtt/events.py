"""Events of the outbox in the centre's words: CloudEvents 1.0 in JSON, under `up/event/<kind>`. Pure.

An event keeps its id, `<node>:<epoch>:<seq>`, however often it is sent. `seq` counts all events of the box; where a
number is missing, one is missing.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from mqtt.messages import ROOT, Message
from storage.catalog.outbox import Event


def message(node: str, event: Event) -> Message:
    """As it goes out under this node's name."""
    told = {
        "specversion": "1.0",
        "id": f"{node}:{event.epoch}:{event.seq}",
        "source": f"{ROOT}/{node}",
        "type": f"edged.{event.kind}",
        "time": datetime.fromtimestamp(event.wall_ms / 1000, UTC).isoformat(timespec="milliseconds"),
        "datacontenttype": "application/json",
        "data": dict(event.body),
    }
    payload = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    return Message(topic=f"{ROOT}/{node}/up/event/{event.kind}", payload=payload, qos=1, retain=False)
