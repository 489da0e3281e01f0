"""Where the product says that a step of a protocol has taken effect (`storage.words.failpoints`), read from its
source."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from storage.words.failpoints import Failpoint

ROOT: Final = Path(__file__).parents[2]
ROOMS: Final = ("edged", "recorder", "storage", "mqtt")
REACHES: Final = frozenset({"reach", "reach_after"})


def calls(source: str) -> Iterator[ast.expr]:
    """The first argument of every call that reaches a step, where they are `storage.words.failpoints`' own."""
    if "from storage.words.failpoints import" not in source:
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REACHES:
            yield node.args[0]


def named(argument: ast.expr) -> str | None:
    """`COMMIT_ROW` of `Failpoint.COMMIT_ROW`; None for what is no plain name of a step."""
    is_name = isinstance(argument, ast.Attribute) and ast.unparse(argument.value) == "Failpoint"
    return argument.attr if is_name and isinstance(argument, ast.Attribute) else None


def product() -> Iterator[tuple[Path, str]]:
    """Every module but the one that names the steps."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if path != ROOT / "storage" / "words" / "failpoints.py":
                yield path, path.read_text(encoding="utf-8")


def reached() -> list[Failpoint]:
    """Steps that the product reaches, in the order of their protocols."""
    found = {named(argument) for _, source in product() for argument in calls(source)}
    return [step for step in Failpoint if step.name in found]


def one_of_each_protocol(steps: Iterable[Failpoint]) -> list[Failpoint]:
    """Of steps in order: the one in the middle of each protocol."""
    protocols = [list(own) for _, own in groupby(steps, key=lambda step: step.split(".")[0])]
    return [own[len(own) // 2] for own in protocols]
