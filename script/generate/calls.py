"""edged/words/calls.py as text, made from the routes of the control API."""

from __future__ import annotations

from typing import Any, Final, cast

from edged.access.callers import Route
from edged.api import server

_HEAD: Final = '''"""All calls of the control API, as they are served: what the clauses of a regulation are judged by.

Made by script/roles from edged/api. Change it there. It stands here because the daemon loads edged/api when somebody
first calls, and clauses are judged before.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from edged.words.roles import Verb


class ServedCall(NamedTuple):
    method: str
    path: str
    verb: Verb


CALLS: Final = (
'''


class _Anything:
    """What routes are made of is not called here."""

    def __getattr__(self, name: str) -> Any:
        return _Anything()

    def __call__(self, *_: object) -> Any:
        return _Anything()


def served() -> list[Route]:
    """As a daemon serves them."""
    anything = cast("Any", _Anything())
    parts = server.Parts(
        site=anything,
        store=anything,
        clock=anything,
        acts=anything,
        may_ask=anything,
        lookout=anything,
        compliance=anything,
        office=anything,
        copies=anything,
        looks=anything,
        exports=anything,
    )
    return server.Control(anything, anything, server.routes(parts)).routes


def rendered() -> str:
    lines = [f'    ServedCall("{one.method}", "{one.path}", Verb.{one.verb.name}),\n' for one in served()]
    return f"{_HEAD}{''.join(lines)})\n"
