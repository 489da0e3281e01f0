"""The real daemon loses its database: while it is down, and while it runs. Recording goes on, everything comes back."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edged.documents.ledger import Rebuild
from edged.words import exit_codes
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.fsck import fsck_clean
from tests.support.office import in_memory
from tests.support.waiting import wait_until

BACK_S = 15.0
"""L1."""
NAMES = ("pattern", "second")
SETUP = Setup([Watched(name, f"test://{name}?size=160x96&fps=10&gop=0.5") for name in NAMES], segment="2s")


@pytest.fixture(scope="module")
def history() -> Iterator[Daemon]:
    """One for all of them: what was lost and rebuilt before is history to what comes next."""
    with in_memory() as place, Daemon(place / "edged", SETUP) as made:
        yield made


@pytest.fixture
def edged(history: Daemon) -> Daemon:
    """Up, whatever the test before came to."""
    if history.status() is None:
        history.kill_everything()
        history.configure(SETUP)
        history.start()
    history.wait_for_states("recording", NAMES, BACK_S)
    return history


def spoil(state: Path) -> None:
    """Every page, the WAL's as well: nothing of it can be read any more."""
    for one in state.glob("edged.db*"):
        if one.name in ("edged.db", "edged.db-wal"):
            with one.open("r+b") as file:
                file.write(random.Random(7).randbytes(one.stat().st_size))


def enough(edged: Daemon) -> list[tuple[str, int, str]]:
    """Some segments of each camera, as people see them."""
    for name in NAMES:
        edged.until(lambda name=name: len(edged.listed(name)) >= 3, BACK_S + 10, f"segments of {name}")  # type: ignore[misc]
    return sorted((s.camera, s.seq, s.sha256) for name in NAMES for s in edged.listed(name))


def comes_back(edged: Daemon, before: list[tuple[str, int, str]]) -> None:
    def there() -> bool:
        listed = {(s.camera, s.seq, s.sha256) for name in NAMES for s in edged.listed(name)}
        return listed >= set(before)

    edged.until(there, BACK_S + 15, "everything that was there is there again")


def asides(state: Path) -> set[Path]:
    return {path for path in state.glob("edged.db.damaged-*") if path.name[-1] == "Z"}


def test_garbage_while_it_is_down(edged: Daemon) -> None:
    before, earlier = enough(edged), asides(edged.state)
    edged.sigkill()
    edged.wait_for_no_process()
    spoil(edged.state)
    edged.start()
    edged.wait_for_states("recording", NAMES, BACK_S)
    comes_back(edged, before)
    (aside,) = asides(edged.state) - earlier
    edged.wait_for(
        lambda status: any(one.key == "database.rebuilt" and str(aside) in one.text for one in status.alarms),
        BACK_S,
        "the alarm that names it",
    )
    answer = edged.ctl("rebuild")
    assert answer.code == 0, answer
    document = Rebuild.model_validate(answer.document)
    assert (document.leaves, document.missing, document.daemon) == (0, 0, True)
    fsck_clean(edged)


def remove(state: Path) -> None:
    for one in state.glob("edged.db*"):
        one.unlink()


@pytest.mark.parametrize("harm", [spoil, remove])
def test_garbage_or_nothing_while_it_runs(edged: Daemon, harm: Callable[[Path], None]) -> None:
    """It ends by itself with a failure, so that systemd starts it anew; nothing that was committed is lost."""
    before = enough(edged)
    wait_until(lambda: mirrored(edged, before), 5, "the mirror has them")
    harm(edged.state)
    assert edged.ended(BACK_S) == 1, edged.log
    assert (edged.state / "edged.db.suspect").exists()
    edged.wait_for_no_process()
    edged.start()
    edged.wait_for_states("recording", NAMES, BACK_S)
    comes_back(edged, before)
    assert not (edged.state / "edged.db.suspect").exists()


def test_another_name_beside_a_lost_database_ends_a_start_for_good_and_does_nothing(edged: Daemon) -> None:
    """However it was lost: spoilt, then removed, then with all that lay beside it."""
    before = enough(edged)
    assert edged.stop() == 0
    edged.configure(replace(SETUP, node="other"))
    for harm in (spoil, remove, shutil.rmtree):
        harm(edged.state)
        lies, said = _content(edged.state), len(edged.log)
        edged.start()
        assert edged.ended(BACK_S) == exit_codes.CONFIG
        (told,) = [line for line in edged.log[said:].splitlines() if " CRITICAL " in line]
        assert '[site] node is "other", and this box is "test-node" for good' in told
        assert _content(edged.state) == lies
        answer = edged.ctl("rebuild")
        assert answer.code == exit_codes.CONFIG, answer
        assert _content(edged.state) == lies
    edged.configure(SETUP)
    edged.start()
    edged.wait_for_states("recording", NAMES, BACK_S)
    comes_back(edged, before)


def _content(state: Path) -> dict[str, bytes]:
    """But the lock, which is taken before anything is looked at."""
    known = state.iterdir() if state.exists() else ()
    return {one.name: one.read_bytes() for one in known if one.name not in ("edged.lock", "ballast")}


def mirrored(edged: Daemon, before: list[tuple[str, int, str]]) -> bool:
    text = "".join(day.read_text() for day in (edged.volume / ".ledger").glob("*.jsonl"))
    return all(sha256 in text for _, _, sha256 in before)


def test_edgectl_rebuild_while_it_is_down(edged: Daemon) -> None:
    before, earlier = enough(edged), asides(edged.state)
    refused = edged.ctl("rebuild", "--fresh")
    assert refused.code == 75, refused
    assert edged.stop() == 0
    answer = edged.ctl("rebuild", "--fresh")
    assert answer.code == 0, answer
    document = Rebuild.model_validate(answer.document)
    assert document.complete
    assert not document.daemon
    assert document.leaves > len(before)
    assert (document.adopted, document.missing) == (0, 0)
    (aside,) = asides(edged.state) - earlier
    assert document.aside == str(aside)
    assert aside.stat().st_uid == edged.state.stat().st_uid
    edged.start()
    edged.wait_for_states("recording", NAMES, BACK_S)
    comes_back(edged, before)
