"""JSON Schemas of everything that leaves edged as JSON, as text for docs/schemas. Pure."""

from __future__ import annotations

import json
from typing import Any, Final

from edged.documents import exports, leaks, ledger, machine, office, pins, register, registers, site, tickets
from edged.documents import site as documents
from edged.documents.base import Document
from script.generate import asyncapi as contract

DOCUMENTS: Final[tuple[type[Document], ...]] = (
    documents.Status,
    documents.Cameras,
    documents.Segments,
    documents.Gaps,
    documents.Retention,
    site.Explanation,
    documents.Alarms,
    documents.AlarmAck,
    tickets.Faults,
    tickets.FaultsShow,
    tickets.FaultsStep,
    tickets.Maintenance,
    tickets.MaintenanceStart,
    tickets.MaintenanceEnd,
    documents.Reload,
    documents.ConfigCheck,
    documents.Version,
    documents.Error,
    ledger.Fsck,
    ledger.Rebuild,
    machine.Boots,
    machine.Attest,
    pins.PinAdd,
    pins.PinList,
    pins.PinApprove,
    pins.PinExtend,
    pins.PinRelease,
    pins.Approve,
    ledger.Ledger,
    ledger.LedgerRenew,
    ledger.LedgerVerify,
    register.Destroyed,
    register.ProofOfRetention,
    register.Statement,
    documents.Snapshot,
    documents.ReferenceList,
    documents.ReferenceSet,
    documents.ReferenceClear,
    register.Compliance,
    register.ComplianceClose,
    machine.VolumeList,
    machine.VolumeInit,
    machine.VolumeRetire,
    machine.VolumeReplace,
    exports.Export,
    exports.ExportList,
    exports.Manifest,
    exports.Verify,
    documents.Probe,
    machine.Doctor,
    machine.StatusDown,
    office.RequestShow,
    office.RequestList,
    office.RequestView,
    office.RequestCopy,
    office.RequestExpire,
    office.Procedures,
    office.Scanned,
    office.RequestPrint,
    office.ShownLook,
    registers.RequestRegister,
    registers.ViewingRegister,
    registers.CopyRegister,
    registers.YearRegister,
    office.PersonList,
    office.PersonAdd,
    office.PersonTie,
    office.PostList,
    office.PostHold,
    office.PostDeputise,
    office.OfficeOpen,
    leaks.LeakList,
    leaks.LeakShow,
    leaks.LeakStep,
)
_DIALECT: Final = {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def name_of(document: type[Document]) -> str:
    """`edged.config-check/1` → `config-check`: the name of the verb, and of the file."""
    return str(document.model_fields["schema_"].default).removeprefix("edged.").partition("/")[0]


def rendered() -> dict[str, str]:
    """File names below docs/schemas, and what belongs into them."""
    files = {f"{name_of(document)}.json": _DIALECT | _schema(document) for document in DOCUMENTS}
    files |= {f"mqtt/{name}.json": schema for name, schema in contract.schemas().items()}
    return {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in files.items()}


def asyncapi() -> str:
    """What belongs into docs/asyncapi.json."""
    return json.dumps(contract.asyncapi(), indent=2, ensure_ascii=False) + "\n"


def _schema(document: type[Document]) -> dict[str, Any]:
    """As it is written, not as it may be read: `schema` is always there."""
    schema = document.model_json_schema(by_alias=True, mode="serialization")
    return schema | {"required": ["schema", *(name for name in schema["required"] if name != "schema")]}
