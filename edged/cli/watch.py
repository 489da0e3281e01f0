"""`edgectl status --watch`: the status screen, redrawn every second until Ctrl-C. Imports rich."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from edged import exits
from edged.cli import printing, screens
from edged.cli.cells import text
from edged.cli.client import CallError, Daemon
from edged.cli.session import checked
from edged.cli.words import Language, word
from edged.documents import Status

EVERY_S: Final = 1.0


def watch(daemon: Daemon, tongue: Language) -> int:
    """Ends with Ctrl-C, which is its proper end: exit 0. Without a terminal the screens follow one another."""
    console = printing.console()
    try:
        if not sys.stdout.isatty():
            while True:
                console.print(look(daemon, tongue), "")
                sys.stdout.flush()
                time.sleep(EVERY_S)
        with Live(look(daemon, tongue), console=console, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(EVERY_S)
                live.update(look(daemon, tongue), refresh=True)
    except KeyboardInterrupt:
        return exits.OK


def look(daemon: Daemon, tongue: Language) -> RenderableType:
    """The screen now; a daemon that is down for a moment does not end the watching."""
    try:
        return screens.status(checked(Status, daemon.get("/v1/status")), tongue, wrap=True)
    except CallError as error:
        now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
        last = screens.verdict("unknown", word(error.action, tongue), tongue, wrap=True)
        return Group(Text(now), "", text(error.error), "", last)
