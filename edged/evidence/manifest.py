"""The list of an export as it is signed: canonical JSON (RFC 8785) in a DSSE v1 envelope, Ed25519. Pure.

The envelope is canonical itself, so that not one bit of it can be changed unnoticed.
"""

from __future__ import annotations

import base64
from typing import Any, Final

import rfc8785

from edged.documents.evidence import Manifest
from edged.evidence.verify import PAYLOAD_TYPE
from storage.ledger import dsse
from storage.ledger.note import Verifier
from storage.ledger.signer import Signer

KEY_NOTE: Final = (
    "# 本錄影主機的公開金鑰與指紋。請與機關公布的指紋比對。\r\n"
    "# Public keys of this recorder, and their fingerprints. Compare them with those that the office published.\r\n"
)


def canonical(document: Any) -> bytes:
    """RFC 8785. ValueError for what is no JSON, or a number that not every reader takes exactly."""
    return rfc8785.dumps(document)


def rendered(manifest: Manifest) -> bytes:
    """`proof/manifest.json`."""
    return canonical(manifest.model_dump(mode="json", exclude_none=False))


def envelope(payload: bytes, signer: Signer) -> bytes:
    """`proof/manifest.dsse.json`."""
    return canonical(dsse.envelope(PAYLOAD_TYPE, payload, signer.public, signer.sign))


def keys(verifiers: list[Verifier]) -> bytes:
    """`proof/key.txt`: of each generation that is used, its key as C2SP writes it, and the fingerprint."""
    lines = [f"{one}\r\nSHA-256 {one.fingerprint}\r\n" for one in verifiers]
    return ("\ufeff" + KEY_NOTE + "".join(lines)).encode()


def entry(leaf: bytes, origin: str, proof: list[bytes]) -> bytes:
    """A line of `proof/leaves.jsonl`: a leaf and the way from it to the head of its generation."""
    path = [base64.b64encode(one).decode() for one in proof]
    return canonical({"leaf": leaf.decode(), "origin": origin, "proof": path}) + b"\n"
