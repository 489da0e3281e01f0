"""The contract with the centre: every topic, what is said there and how, as JSON Schemas and as an AsyncAPI 3 document.

Pure, made from the models. Its version, `messages.CONTRACT`, is MAJOR.MINOR. MAJOR is that of the root of all topics
(`edged/v1`) and grows with it when something goes, is renamed or comes to mean something else: then old and new are
said under different roots. MINOR grows when something is added: a topic, a type of event, a field, a word of a closed
list, a verb. So whoever reads passes over what it does not know; and a field that it knows stays what it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from mqtt import commands
from mqtt.commands import Reply, Verb
from mqtt.contract import events, messages
from mqtt.contract.messages import CONTRACT, ROOT, Payload
from script.generate import examples
from storage.outbox.table import RANKS, EventKind

PAYLOADS: Final[Mapping[str, type[Payload]]] = {
    "status": messages.Status,
    "birth": messages.Birth,
    "heartbeat": messages.Heartbeat,
    "camera-health": messages.CameraHealth,
    "camera-retention": messages.CameraRetention,
    "storage": messages.Storage,
    "alarm": messages.AlarmState,
    "pin": messages.PinState,
    "fault": messages.FaultState,
    "maintenance": messages.MaintenanceState,
    "ledger-checkpoint": messages.LedgerCheckpoint,
    "compliance": messages.Compliance,
    "office": messages.Office,
    "reply": Reply,
}
"""By the name of their schema."""
TAILS: Final[Mapping[str, str]] = {
    "status": "up/status",
    "birth": "up/birth",
    "heartbeat": "up/heartbeat",
    "camera-health": "up/cam/{camera}/health",
    "camera-retention": "up/cam/{camera}/retention",
    "storage": "up/storage/{volume}",
    "alarm": "up/alarm/{key}",
    "pin": "up/pin/{pin}",
    "fault": "up/fault/{fault}",
    "maintenance": "up/maintenance",
    "ledger-checkpoint": "up/ledger/checkpoint",
    "compliance": "up/compliance",
    "office": "up/office",
    "reply": "up/reply/{requester}",
    **{f"event-{kind}": f"up/event/{kind}" for kind in EventKind},
    "command": "dn/cmd/{verb}",
}
"""Below `edged/v1/<node>/`, by the name of the schema of what is said there."""
EMPTIED: Final = frozenset(
    {"camera-health", "camera-retention", "storage", "alarm", "pin", "fault", "maintenance", "compliance", "office"}
)
"""Topics that are taken away from the broker, by an empty retained payload, when what they are about is gone."""
_PARAMETERS: Final = {
    "node": "id of the box, as configured: [a-z0-9-]",
    "camera": "id of a camera, as configured",
    "volume": "id of a volume, a UUID, from its .edged-volume.json",
    "key": "key of an alarm, with % / + # $ and control characters as %XX of their UTF-8",
    "pin": "id of a pin, P-YYYYMMDD-XXXX",
    "fault": "id of a fault, F-YYYYMMDD-XXXX",
    "requester": "whoever signed the command said where it waits: [a-z0-9-]",
    "verb": "what is to be done",
}
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_STRING: Final[dict[str, Any]] = {"type": "string"}
_BASE64: Final[dict[str, Any]] = {"type": "string", "contentEncoding": "base64"}
_ENVELOPE: Final[dict[str, Any]] = {
    "specversion": {"const": "1.0"},
    "id": {"type": "string", "pattern": "^[^:]+:[0-9]+:[0-9]+$", "description": "NODE:EPOCH:SEQ, the same each time"},
    "source": {"type": "string", "pattern": f"^{ROOT}/[^/]+$"},
    "type": _STRING,
    "time": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z$"},
    "subject": {"type": "string", "minLength": 1},
    "datacontenttype": {"const": "application/json"},
    "dataschema": _STRING,
    "data": {"type": "object"},
}
_FOREIGN: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Written by another version: passed on as it is, flattened.",
    "additionalProperties": {
        "anyOf": [
            {"type": ["string", "number", "boolean", "null"]},
            {"type": "array", "items": {"type": ["string", "number", "boolean", "null"]}},
        ]
    },
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """How it is said."""

    qos: int
    retain: bool
    expiry_s: int | None


def delivery(name: str) -> Delivery:
    """By the name of the schema. A command should not be retained: one that is, is refused."""
    if name in PAYLOADS:
        payload = PAYLOADS[name]
        return Delivery(payload.qos, payload.retain, payload.expiry_s)
    return Delivery(1, False, None)


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema of every message, by the name of its file in `docs/schemas/mqtt/` without `.json`."""
    found: dict[str, dict[str, Any]] = {}
    for name, payload in PAYLOADS.items():
        found[name] = _titled(name, payload.model_json_schema(mode="serialization"))
    for kind in EventKind:
        defs, variants = _data(kind, "#/$defs/")
        found[f"event-{kind}"] = _titled(f"event-{kind}", _event(kind, variants, "#/$defs/") | {"$defs": defs})
    found["command"] = _titled("command", _envelope())
    told, defs = _told("#/$defs/")
    found["command-told"] = _titled("command-told", told | {"$defs": defs})
    return found


def _envelope() -> dict[str, Any]:
    """What goes over the wire (DSSE); `payload` is what `command-told` describes, and what is signed."""
    signature = {
        "type": "object",
        "properties": {"keyid": {"type": "string", "pattern": "^[0-9a-f]{64}$"}, "sig": _BASE64},
        "required": ["sig"],
    }
    told = {"contentMediaType": commands.PAYLOAD_TYPE, "description": "the JSON of command-told, in base64"}
    return {
        "title": "Command",
        "description": "A command, signed: a DSSE envelope around exactly the bytes that were signed.",
        "type": "object",
        "properties": {
            "payload": _BASE64 | told,
            "payloadType": {"const": commands.PAYLOAD_TYPE},
            "signatures": {"type": "array", "minItems": 1, "items": signature},
        },
        "required": ["payload", "payloadType", "signatures"],
    }


def _told(at: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A command as it is signed, with the arguments of each verb, and the schemas that it refers to."""
    template = f"{at}{{model}}"
    verbs: list[tuple[Verb, Literal["validation"], TypeAdapter[Any]]]
    verbs = [(verb, "validation", adapter) for verb, adapter in commands.ARGS.items()]
    made, shared = TypeAdapter.json_schemas(verbs, ref_template=template)
    command = commands.SignedCommand.model_json_schema(ref_template=template)
    command["properties"]["args"] = {"type": "object"}
    command["oneOf"] = [
        {"properties": {"verb": {"const": verb.value}, "args": _plain(made[verb, "validation"])}}
        for verb, _, _ in verbs
    ]
    return command, {name: _plain(one) for name, one in shared.get("$defs", {}).items()}


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Without the hint which of several it is: AsyncAPI has another spelling for that."""
    return {name: one for name, one in schema.items() if name != "discriminator"}


def _titled(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": _DIALECT, "$id": f"{events.SCHEMAS}:{name}", **schema}


def _data(kind: EventKind, at: str) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The schemas of what events of a kind carry, by name, and the types that each is for."""
    types: dict[type[BaseModel], list[str]] = {}
    for name, fact in events.of_kind(kind).items():
        types.setdefault(fact, []).append(f"edged.{name}")
    types[events.LeftOut] = [*(f"edged.{name}" for name in events.of_kind(kind)), f"edged.{kind}"]
    _, made = models_json_schema([(fact, "serialization") for fact in types], ref_template=f"{at}{{model}}")
    defs: dict[str, Any] = {events.FOREIGN: _FOREIGN, **made.get("$defs", {})}
    return defs, {fact.__name__: names for fact, names in types.items()}


def _event(kind: EventKind, variants: Mapping[str, list[str]], at: str) -> dict[str, Any]:
    """The envelope (CloudEvents 1.0), which knows by its type what is in it."""
    said = [
        {
            "properties": {
                "type": {"enum": types},
                "dataschema": {"const": f"{events.SCHEMAS}:event-{kind}#/$defs/{name}"},
                "data": {"$ref": f"{at}{name}"},
            },
            "required": ["dataschema"],
        }
        for name, types in variants.items()
    ]
    foreign = {
        "properties": {"type": {"const": f"edged.{kind}"}, "data": {"$ref": f"{at}{events.FOREIGN}"}},
        "not": {"required": ["dataschema"]},
    }
    return {
        "title": f"Event of the kind {kind}",
        "type": "object",
        "properties": _ENVELOPE,
        "required": [name for name in _ENVELOPE if name not in ("subject", "dataschema")],
        "additionalProperties": False,
        "oneOf": [*said, foreign],
    }


def asyncapi() -> dict[str, Any]:
    """The document `docs/asyncapi.json`, complete in itself."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "edged and its centre",
            "version": CONTRACT,
            "description": "What a recorder (錄影主機) tells its centre (中央管理端) by MQTT, and what it may be told. "
            "docs/mqtt.md explains it.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {name: _channel(name, tail) for name, tail in TAILS.items()},
        "operations": {name: _operation(name) for name in TAILS},
        "components": {
            "messages": {name: _message(name) for name in TAILS},
            "schemas": _components(),
            "parameters": {name: {"description": words} for name, words in _PARAMETERS.items()}
            | {"verb": {"description": _PARAMETERS["verb"], "enum": [verb.value for verb in Verb]}},
        },
    }


def _channel(name: str, tail: str) -> dict[str, Any]:
    named = ["node", *(level.strip("{}") for level in tail.split("/") if level.startswith("{"))]
    channel: dict[str, Any] = {
        "address": f"{ROOT}/{{node}}/{tail}",
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "parameters": {one: {"$ref": f"#/components/parameters/{one}"} for one in named},
    }
    if name in EMPTIED:
        channel["description"] = "Emptied (an empty retained payload) when what it is about is gone."
    return channel


def _operation(name: str) -> dict[str, Any]:
    """From the box's side."""
    said = delivery(name)
    binding: dict[str, Any] = {"qos": said.qos, "retain": said.retain, "bindingVersion": "0.2.0"}
    if said.expiry_s is not None:
        binding["messageExpiryInterval"] = said.expiry_s
    operation: dict[str, Any] = {
        "action": "receive" if name == "command" else "send",
        "channel": {"$ref": f"#/channels/{name}"},
        "summary": _summary(name),
        "bindings": {"mqtt": binding},
    }
    if name == "command":
        operation["reply"] = {"channel": {"$ref": "#/channels/reply"}}
    return operation


def _summary(name: str) -> str:
    if name in PAYLOADS:
        return " ".join((PAYLOADS[name].__doc__ or "").partition("\n\n")[0].split())
    if name == "command":
        return "A command, signed: a DSSE envelope; what is in it, command-told describes."
    kind = EventKind(name.removeprefix("event-"))
    return f"What happened: {kind}. From the outbox, rank {RANKS[kind].value}, nothing passed over."


def _message(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = {"$ref": f"#/components/schemas/{name}"}
    shown = examples_of(name)
    message: dict[str, Any] = {"name": name, "title": _summary(name).partition(":")[0], "payload": payload}
    message["contentType"] = "application/cloudevents+json" if name.startswith("event-") else "application/json"
    if shown:
        message["examples"] = [{"name": example, "payload": document} for example, document in shown.items()]
    return message


def examples_of(name: str) -> dict[str, dict[str, Any]]:
    """Messages as they are sent, by what they are examples of."""
    if name in PAYLOADS:
        return {name: json.loads(messages.publication(examples.NODE, examples.PAYLOADS[name]).payload)}
    return {
        what: json.loads(events.publication(examples.NODE, event).payload)
        for what, event in (examples.events() | examples.OTHERS).items()
        if f"event-{event.kind}" == name
    }


def _components() -> dict[str, Any]:
    """All schemas in one place; those of facts are called as their models, of messages as their files."""
    at = "#/components/schemas/"
    found: dict[str, Any] = {}
    for name, payload in PAYLOADS.items():
        found[name] = payload.model_json_schema(mode="serialization", ref_template=f"{at}{{model}}")
    for kind in EventKind:
        defs, variants = _data(kind, at)
        found |= defs
        found[f"event-{kind}"] = _event(kind, variants, at)
    found["command"] = _envelope()
    found["command-told"], defs = _told(at)
    return found | defs
