"""DSSE v1 envelopes: what is signed, with its type, by Ed25519. Pure.

https://github.com/secure-systems-lab/dsse. Lists of exports, statements and commands of the centre go in one.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from hashlib import sha256
from typing import Any


def pae(kind: str, payload: bytes) -> bytes:
    """What is signed: the pre-authentication encoding."""
    return b"DSSEv1 %d %b %d %b" % (len(kind.encode()), kind.encode(), len(payload), payload)


def key_id(public: bytes) -> str:
    """Of a key of 32 bytes: 64 digits."""
    return sha256(public).hexdigest()


def envelope(kind: str, payload: bytes, public: bytes, sign: Callable[[bytes], bytes]) -> dict[str, Any]:
    """`kind`: the payload's type. `public`: 32 bytes of whom `sign` signs for."""
    signature = {"keyid": key_id(public), "sig": base64.b64encode(sign(pae(kind, payload))).decode()}
    return {"payload": base64.b64encode(payload).decode(), "payloadType": kind, "signatures": [signature]}
