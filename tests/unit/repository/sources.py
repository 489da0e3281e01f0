"""The source of the product, read once, and parsed once for all tests that look at it."""

from __future__ import annotations

import ast
import gc
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
PACKAGES: Final = ("edged", "recorder", "storage", "mqtt")


@cache
def product() -> dict[str, str]:
    """The text of each module, by its full name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text("utf-8")
    return found


@cache
def parsed(source: str) -> ast.Module:
    """Python's collector looks at none of it again: it would go through a million nodes in the tests that follow."""
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        gc.freeze()
        gc.enable()


@cache
def walked(source: str) -> tuple[ast.AST, ...]:
    """Everything in it, wherever it stands."""
    return tuple(ast.walk(parsed(source)))
