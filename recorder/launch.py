"""What the forkserver runs first in each new process: the worker, by name.

Imports the standard library only, because every worker pays for it; and the daemon, which only needs the name, never
imports the worker.
"""

from __future__ import annotations

import socket
from importlib import import_module


def launch(worker: str, sock: socket.socket) -> None:
    """Run `worker` ("module:function") with its end of the socket pair. The module is preloaded in the forkserver."""
    module, _, function = worker.partition(":")
    getattr(import_module(module), function)(sock)
