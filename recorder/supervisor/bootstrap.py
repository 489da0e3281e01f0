"""What the forkserver runs first in each new process: the worker, by name.

Imports the standard library only, because every worker pays for it; and the daemon, which only needs the name, never
imports the worker.
"""

from __future__ import annotations

import gc
import socket
from importlib import import_module


def launch(worker: str, sock: socket.socket) -> None:
    """Run `worker` ("module:function") with its end of the socket pair. The module is preloaded in the forkserver.

    What was loaded there stays for good: a full collection, which comes after hours, would write into each of its
    objects, and 5 MB that all workers share would be each one's own.
    """
    gc.freeze()
    module, _, function = worker.partition(":")
    getattr(import_module(module), function)(sock)
