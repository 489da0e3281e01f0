"""Long answers: one document whose list is read and written page by page, so that a year lies in nobody's memory.

Each row stands on a line of its own, so that whoever reads it may do so row by row, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from aiohttp import web
from pydantic import BaseModel

Pages = Iterator[Sequence[BaseModel]]
"""Blocking, asked on a thread; an empty page says that somebody still looks."""
Rest = Callable[[], Mapping[str, str]]
"""What stands behind the list, by name, as JSON. Blocking; asked once all rows are written."""
_NOTHING: Final[Mapping[str, str]] = {}


async def stream(
    request: web.Request, schema: str, name: str, pages: Pages, rest: Rest = lambda: _NOTHING
) -> web.StreamResponse:
    """What fails on the first page is still an error of its own; later the answer breaks off."""
    page = await asyncio.to_thread(next, pages, None)
    response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
    await response.prepare(request)
    await response.write(f'{{"schema":"{schema}","{name}":['.encode())
    begun = False
    while page is not None:
        rows = ",\n".join(row.model_dump_json() for row in page)
        await response.write(f"{',' if begun else ''}\n{rows}".encode() if rows else b" ")
        begun |= bool(rows)
        page = await asyncio.to_thread(next, pages, None)
    behind = "".join(f',"{key}":{text}' for key, text in (await asyncio.to_thread(rest)).items())
    await response.write(f"\n]{behind}}}".encode())
    await response.write_eof()
    return response
