"""A clock's worth of letters, five by seven dots each, drawn into a picture. Pure; imports numpy only."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.bool_]

GLYPH_WIDTH: Final = 6
"""Five dots and one between letters."""
GLYPH_HEIGHT: Final = 7

_ROWS: Final = {
    "0": "01110 10001 10011 10101 11001 10001 01110",
    "1": "00100 01100 00100 00100 00100 00100 01110",
    "2": "01110 10001 00001 00010 00100 01000 11111",
    "3": "11111 00010 00100 00010 00001 10001 01110",
    "4": "00010 00110 01010 10010 11111 00010 00010",
    "5": "11111 10000 11110 00001 00001 10001 01110",
    "6": "00110 01000 10000 11110 10001 10001 01110",
    "7": "11111 00001 00010 00100 01000 01000 01000",
    "8": "01110 10001 10001 01110 10001 10001 01110",
    "9": "01110 10001 10001 01111 00001 00010 01100",
    "-": "00000 00000 00000 01110 00000 00000 00000",
    ":": "00000 00100 00000 00000 00000 00100 00000",
    ".": "00000 00000 00000 00000 00000 00000 00100",
    " ": "00000 00000 00000 00000 00000 00000 00000",
    "U": "10001 10001 10001 10001 10001 10001 01110",
    "T": "11111 00100 00100 00100 00100 00100 00100",
    "C": "01110 10001 10000 10000 10000 10001 01110",
}
_GLYPHS: Final = {
    letter: np.array([[dot == "1" for dot in row + "0"] for row in rows.split()]) for letter, rows in _ROWS.items()
}


def render(text: str, scale: int) -> Bits:
    """The text as dots, each `scale` pixels wide and high."""
    line = np.concatenate([_GLYPHS[letter] for letter in text], axis=1)
    return line.repeat(scale, axis=0).repeat(scale, axis=1)


def draw(luma: NDArray[np.uint8], text: str, *, top: int, light: int, dark: int) -> None:
    """Write the text across the middle four fifths of the picture, light on a dark plate."""
    width = luma.shape[1]
    dots = render(text, max(1, width * 4 // 5 // (GLYPH_WIDTH * len(text))))
    dots = dots[: luma.shape[0] - top, :width]
    left = (width - dots.shape[1]) // 2
    plate = luma[top : top + dots.shape[0], left : left + dots.shape[1]]
    plate[:] = np.where(dots, np.uint8(light), np.uint8(dark))
