"""A pure module with one bug planted into its source: what a property test must find, or it proves nothing."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def planted(module: ModuleType, right: str, wrong: str) -> Iterator[ModuleType]:
    """A copy of `module` in which `right`, found once, is `wrong`."""
    source = inspect.getsource(module)
    assert source.count(right) == 1, f"{right!r} is to be found once"
    copy = ModuleType(f"{module.__name__}_planted")
    sys.modules[copy.__name__] = copy
    try:
        exec(compile(source.replace(right, wrong), "planted", "exec"), copy.__dict__)  # noqa: S102 (our own source)
        yield copy
    finally:
        del sys.modules[copy.__name__]
