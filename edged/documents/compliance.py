"""How a box stands to the regulation of its office, clause by clause. Imports pydantic."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edged.documents.base import Document

StatusName = Literal["met", "not-met", "by-hand", "not-built"]


class Clause(Document):
    id: str = Field(description="W1–W10, J1–J14, P1–P15, D1–D9, N1–N10")
    article: str
    text: list[str] = Field(description="the clause's own words, passage by passage")
    status: StatusName = Field(
        description="met: all of it that the box can measure is; what was not measured is not-met; by-hand: only "
        "people can tell; not-built: this version does nothing for it"
    )
    whole: bool = Field(description="false: by_hand or not_built name something of the clause that status does not say")
    since: str | None = Field(description="since when it stands so; null until everything was measured after a start")
    faults: list[str] = Field(description="what breaks it, in Traditional Chinese")
    evidence: list[str] = Field(description="what was measured, in Traditional Chinese")
    by_hand: list[str] = Field(description="what a person has to look at")
    not_built: list[str] = Field(description="what of it this version does not do yet")


class LedgerHead(Document):
    origin: str
    size: int
    root: str = Field(description="SHA-256 over all leaves, 64 digits")
    key: str = Field(description="whose signature it bears")


class Counts(Document):
    met: int
    not_met: int
    by_hand: int
    not_built: int


class Compliance(Document):
    schema_: Literal["edged.compliance/1"] = Field(default="edged.compliance/1", alias="schema")
    node: str
    office: str
    site: str
    profile: str
    body: str = Field(description="whose regulation it is")
    title: str
    time: str = Field(description="when this was judged")
    timezone: str
    software: str
    counts: Counts = Field(description="of all clauses, also where only one was asked for")
    head: LedgerHead | None = Field(description="the last signed head of the ledger; null: there is none yet")
    declaration: str = Field(description="what this is, and what it is not")
    compliance: list[Clause]
