"""DSSE v1 envelopes: what is signed, with its type, by Ed25519. Pure.

https://github.com/secure-systems-lab/dsse. An envelope is written as canonical JSON itself, so that not one bit of it
can be changed unnoticed.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from hashlib import sha256
from typing import Any


def pae(kind: str, payload: bytes) -> bytes:
    """What is signed: the pre-authentication encoding."""
    return b"DSSEv1 %d %b %d %b" % (len(kind.encode()), kind.encode(), len(payload), payload)


def envelope(kind: str, payload: bytes, public: bytes, sign: Callable[[bytes], bytes]) -> dict[str, Any]:
    """`kind`: the payload's type. `public`: 32 bytes of whom `sign` signs for."""
    signature = {"keyid": sha256(public).hexdigest(), "sig": base64.b64encode(sign(pae(kind, payload))).decode()}
    return {"payload": base64.b64encode(payload).decode(), "payloadType": kind, "signatures": [signature]}
