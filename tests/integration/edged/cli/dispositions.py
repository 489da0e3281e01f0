"""Signals as a program finds them that somebody starts at a prompt.

What is ignored is inherited: SIGHUP under nohup, SIGINT and SIGQUIT behind a script's `&`. A test whose program is to
be ended by such a signal starts it with `UNIGNORED`.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

UNIGNORED: Final = ("env", "--default-signal=HUP,INT,QUIT,TERM")
"""Before a command. env becomes it, so the process keeps its id."""


@contextmanager
def ignored(*numbers: signal.Signals) -> Iterator[None]:
    """By this process, and by what it starts meanwhile."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
