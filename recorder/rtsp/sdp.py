"""What a camera says of its stream (SDP, RFC 4566), as far as a recorder needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Media:
    """One track on offer."""

    kind: str
    """"video", "audio", "application"…"""
    payload_type: int
    encoding: str
    """Upper case: "H264", "H265", "MPEG4-GENERIC", "PCMU", "L16"…; payload types that are fixed (0, 8, 10, 11) resolved."""
    clock_rate: int
    channels: int
    """1 where it is not said."""
    fmtp: Mapping[str, str]
    """Keys in lower case; values as they are."""
    control: str
    """Absolute URL to SETUP."""
