"""What lasts: segment files, the one database, retention, pins, the ledger, recovery, the outbox.

Imports nothing of edged, recorder or mqtt. A room owns its rules (pure), its SQL, its files and its service, side by
side; `tests/rooms.toml` has the order in which rooms may enter each other. Begin with `storage.store.facade`, which is
what the daemon sees, and `storage.words.model`, which is what all rooms speak of.
"""
