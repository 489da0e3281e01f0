"""`edgectl ledger verify` against the real daemon, up and down."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edged.documents.ledger import LedgerVerify
from edged.words import exit_codes
from storage.ledger.signer import STATE_FILE
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Answer, Daemon

READY_S = 30.0
SETUP = Setup([Watched("pattern", "test://?size=160x96&fps=10&gop=0.5")], segment="2s")


def found(answer: Answer) -> LedgerVerify:
    assert answer.code in (exit_codes.OK, exit_codes.FAILED), answer
    document = LedgerVerify.model_validate(answer.document)
    assert document.clean == (answer.code == exit_codes.OK)
    return document


@pytest.fixture
def edged(tmp_path: Path) -> Daemon:
    return Daemon(tmp_path, SETUP)


def test_up_and_down_and_against_a_head_that_was_kept(edged: Daemon, tmp_path: Path) -> None:
    with edged:
        edged.until(lambda: len(edged.listed("pattern")) >= 2, READY_S, "segments")
        edged.until((edged.state / STATE_FILE).exists, READY_S, "a head")
        text = (edged.state / STATE_FILE).read_text()
        kept = tmp_path / "kept.json"
        kept.write_text(json.dumps({"note": text, "ts": 1}))
        up = found(edged.ctl("ledger", "verify", "--checkpoint", str(kept)))
        assert up.findings == []
        assert (up.daemon, up.checkpoint is not None and up.checkpoint.proven) == (True, True)
        assert up.volumes == [str(edged.volume)]
        person = edged.ctl("ledger", "verify", json_=False)
        assert person.code == exit_codes.OK
        assert "are as they were signed by this box" in person.stdout
        kept.write_text("no head")
        assert edged.ctl("ledger", "verify", "--checkpoint", str(kept)).code == exit_codes.USAGE
        edged.stop()
        down = found(edged.ctl("ledger", "verify"))
        assert down.findings == []
        assert (down.daemon, down.checkpoint) == (False, None)
        assert down.leaves > up.leaves
        assert edged.ctl("ledger", "verify", "--checkpoint", str(kept)).code == exit_codes.USAGE
        assert edged.ctl("ledger", "verify", "--checkpoint", str(tmp_path / "nowhere")).code == exit_codes.USAGE
        with closing(sqlite3.connect(edged.state / "edged.db", isolation_level=None)) as db:
            db.execute("UPDATE leaves SET wall_ms = wall_ms + 1 WHERE number = 2")
        assert {one.code for one in found(edged.ctl("ledger", "verify")).findings} == {"leaf-changed", "mirror-changed"}
