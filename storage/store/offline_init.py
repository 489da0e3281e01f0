"""A directory becomes a volume while the daemon is down. Blocking; run it as the owner of the state directory.

The database is only read: the volume is met when edged finds it where it is configured. Imports what is needed to hold
the state directory meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import ExitStack, closing
from pathlib import Path

from storage.ring.volume_operations import refuse_known, refuse_other_name, refuse_unfit
from storage.store import opening
from storage.store.offline import OfflineDatabase
from storage.volumes import table as volumes
from storage.volumes.space import VolumeSpec
from storage.volumes.volume import Volume


def init_alone(state: Path, node: str, spec: VolumeSpec, configured: Collection[Path]) -> str:
    """The new volume's id. StateLocked while a daemon runs; otherwise as `Disks.init`."""
    with ExitStack() as undo:
        undo.callback(os.close, opening.lock(state))
        database = state / opening.DATABASE_NAME
        read = undo.enter_context(closing(OfflineDatabase(database)))
        known = read(volumes.known) if database.exists() else []
        belongs = {one.path: one.id for one in known if one.belongs}
        refuse_other_name(node, map(VolumeSpec, configured), {one.id for one in known})
        refuse_known(spec.path, known)
        refuse_unfit(spec, {*belongs, *configured} - {spec.path})
        volume = Volume.open(spec, node=node, known=belongs, taken={})
        volume.close()
        return volume.id
