"""With the daemon down edgectl works on its files as the daemon's own account: root leaves nothing behind."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from edged.words import exit_codes
from storage.words.model import Bounds
from tests.support.configuration import Setup, Watched
from tests.support.edgectl import edgectl
from tests.support.office import Office

NOBODY: Final = 65534
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.mark.parametrize("clean_stop", [True, False])
def test_fsck_by_root(*, clean_stop: bool) -> None:
    with TemporaryDirectory(prefix="edged-") as root:
        folder = Path(root)
        folder.chmod(0o755)
        office = Office(folder)
        office.enrol("lobby")
        segment = office.segment("lobby", bounds=Bounds(60, 365 * 86_400))  # of a boot that was long ago
        office.store.close(clean=clean_stop)
        config = folder / "edged.toml"
        setup = Setup([Watched("lobby", "test://")], node="wenshan", ceiling="365d")
        config.write_text(setup.toml(state=office.state, socket=folder / "none.sock", volume=office.disk))
        for path in (office.state, office.disk, *office.state.rglob("*"), *office.disk.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        assert fsck(config) == (exit_codes.OK, [])
        segment.path.unlink()
        assert fsck(config) == (exit_codes.FAILED, ["missing"])
        assert {path.stat().st_uid for path in office.state.rglob("*")} == {NOBODY}


def fsck(config: Path) -> tuple[int, list[str]]:
    words = ("--config", str(config), "fsck", "--level", "hash", "--json")
    done = edgectl(*words, cwd=Path("/"), environment=os.environ, within_s=60)
    document = json.loads(done.stdout)
    assert document.get("daemon") is False, (document, done.stderr)
    return done.returncode, [finding["kind"] for finding in document["findings"]]
