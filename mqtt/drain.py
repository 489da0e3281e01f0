"""The outbox's rows on their way: read, sent, deleted. The shell around `mqtt.outbox`."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Future
from typing import Protocol

from storage.catalog.outbox import Event, Kind


class Post(Protocol):
    """Where events wait for the centre; `storage.post.Post` is some. Reads block; futures may fail with StoreError."""

    def last(self) -> int: ...
    def following(self, kind: Kind, after: int, limit: int) -> list[Event]: ...
    def done(self, seqs: Collection[int]) -> Future[None]: ...
    def tell_evicted(self) -> Future[bool]: ...
