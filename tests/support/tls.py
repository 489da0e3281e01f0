"""Certificates for cameras in tests, valid for a hundred years: nothing but tests has ever trusted them.

`signed` is signed by `AUTHORITY` for 127.0.0.1 and localhost, `alone` by itself.
"""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import Final, Literal

_HERE: Final = Path(__file__).with_name("certificates")
AUTHORITY: Final = _HERE / "ca.pem"


def server(which: Literal["signed", "alone"]) -> ssl.SSLContext:
    """What a camera shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_HERE / f"{which}.pem")
    return context


def fingerprint(which: Literal["signed", "alone"]) -> str:
    """As the configuration has it."""
    text = (_HERE / f"{which}.pem").read_text().partition("-----BEGIN PRIVATE KEY-----")[0]
    return "sha256:" + hashlib.sha256(ssl.PEM_cert_to_DER_cert(text)).hexdigest()
