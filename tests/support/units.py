"""Coded units as a source hands them over, made up: for tests of what only looks at their times and names."""

from __future__ import annotations

from recorder.words.stream import Codec, Parameters


def parameters(name: bytes = b"", *, size: tuple[int, int] = (320, 180), reorder: int | None = 0) -> Parameters:
    """Sets that differ by their name, size or order."""
    return Parameters(Codec.H264, (b"\x67" + name, b"\x68"), b"\x01" + name, *size, reorder)
