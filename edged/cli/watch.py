"""`edgectl status --watch`: the status screen, redrawn every second until Ctrl-C. Imports rich."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.text import Text

from edged.cli import daemon_down, printing, screens
from edged.cli.client import CallError, Daemon
from edged.cli.session import checked
from edged.cli.words import Language, word
from edged.documents.site import Status
from edged.words import exit_codes

REDRAW_EVERY_S: Final = 1.0


def watch(config: Path, daemon: Daemon, tongue: Language) -> int:
    """Ends with Ctrl-C, which is its proper end: exit 0. Without a terminal the screens follow one another."""
    console = printing.console()
    try:
        if not sys.stdout.isatty():
            while True:
                console.print(watch_screen(config, daemon, tongue), "")
                sys.stdout.flush()
                time.sleep(REDRAW_EVERY_S)
        with Live(watch_screen(config, daemon, tongue), console=console, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(REDRAW_EVERY_S)
                live.update(watch_screen(config, daemon, tongue), refresh=True)
    except KeyboardInterrupt:
        return exit_codes.OK


class Fitted:
    """Parts one below the other. On a screen too low for all, the last, the verdict, stays, and how much is hidden."""

    def __init__(self, parts: Group, tongue: Language) -> None:
        self._parts = parts
        self._tongue = tongue

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        def drawn(part: RenderableType) -> list[list[Segment]]:
            return console.render_lines(part, options, pad=False)

        *upper, verdict = self._parts.renderables
        body, last = drawn(Group(*upper)), drawn(verdict)
        # Not options.height, which does not get through Live.
        over = len(body) + len(last) - console.height if console.is_alt_screen else 0
        if over > 0:
            shown = max(0, len(body) - over - 1)
            hint = word("… {} more lines: edgectl status", self._tongue).format(len(body) - shown)
            said = drawn(Text(hint, style="yellow", no_wrap=True, overflow="ellipsis"))
            body = (body[:shown] + said)[: max(0, console.height - len(last))]
        for line in body + last:
            yield from line
            yield Segment.line()


def watch_screen(config: Path, daemon: Daemon, tongue: Language) -> RenderableType:
    """The screen now; a daemon that is down does not end the watching: it is told as `edgectl status` does."""
    try:
        return Fitted(screens.status_screen(checked(Status, daemon.get("/v1/status")), tongue, wrap=True), tongue)
    except CallError as error:
        now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
        return Fitted(Group(Text(now), "", *daemon_down.down_screen(config, daemon, error, tongue)), tongue)
