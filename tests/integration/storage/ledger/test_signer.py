"""Signed heads of a real store: what they cover, where they lie, and what becomes of them when something is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from storage.ledger import key, tree
from storage.ledger import table as ledger_table
from storage.ledger.note import Verifier, parse
from storage.ledger.signer import HEAD_EVERY_MS, STATE_FILE, IssuedHead
from storage.ledger.table import Generation
from tests.support.office import Office
from tests.support.renewing import renew


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path)
    yield opened
    opened.store.close()


def present(office: Office) -> Generation:
    found = every(office)[-1]
    assert found == office.store._database.read(ledger_table.present)
    return found


def every(office: Office) -> list[Generation]:
    return office.store._database.read(ledger_table.every)


def head(office: Office) -> IssuedHead:
    found = office.store.ledger.head_signer.head()
    assert found is not None
    return found


def lines(office: Office) -> list[bytes]:
    """All leaves on the volume, in order."""
    files = sorted((office.disk / ".ledger").glob("*.jsonl"))
    return [line for file in files for line in file.read_bytes().splitlines()]


def test_the_first_start_makes_a_key_that_nobody_else_reads(office: Office) -> None:
    made = office.state / key.NAME
    assert made.stat().st_mode & 0o777 == 0o600
    found = key.read(made)
    assert found.key is not None
    assert found.fault is None
    assert present(office).key == str(Verifier(present(office).origin, found.key.public_key().public_bytes_raw()))


def test_a_head_is_the_root_of_what_lies_on_the_volume(office: Office) -> None:
    office.enrol("door")
    office.segment("door")
    office.store.ledger.sign_now()
    found = head(office)
    leaves = [tree.leaf_hash(line) for line in lines(office)]
    assert found.checkpoint.size == len(leaves)
    assert found.checkpoint.root == tree.root_of(leaves)
    note = parse(found.note)
    verifier = present(office).verifier
    assert verifier is not None
    assert note.signed_by(verifier)
    assert note.checkpoint() == found.checkpoint
    assert (office.state / STATE_FILE).read_text() == found.note
    assert (office.disk / ".ledger" / f"checkpoint-{found.first}.txt").read_text() == found.note


def test_heads_come_once_a_minute_while_something_happens_and_not_for_nothing(office: Office) -> None:
    office.store.ledger.sign_now()
    heard: list[IssuedHead] = []
    office.store.ledger.head_signer.on_head = heard.append
    office.enrol("door")
    office.segment("door")
    office.store.ledger.mirror_now()
    assert heard == []
    office.clock.tick(HEAD_EVERY_MS)
    office.store.ledger.mirror_now()
    assert [one.checkpoint.size for one in heard] == [len(lines(office))]
    office.clock.tick(HEAD_EVERY_MS)
    office.store.ledger.mirror_now()
    assert len(heard) == 1


def test_every_leaf_is_proven_under_the_head(office: Office) -> None:
    office.enrol("door")
    for _ in range(3):
        office.segment("door")
    office.store.ledger.sign_now()
    found, generation = head(office), present(office)

    def proven(number: int) -> bool:
        def query(connection: object) -> bool:
            entry = ledger_table.leaf(connection, number)  # type: ignore[arg-type]
            index = number - generation.first
            path = tree.inclusion(ledger_table.read(connection, generation), index, found.checkpoint.size)  # type: ignore[arg-type]
            assert entry is not None
            return tree.included(entry.hash, index, found.checkpoint.size, path, found.checkpoint.root)

        return office.store._database.read(query)

    assert all(proven(generation.first + index) for index in range(found.checkpoint.size))


def test_a_row_knows_its_leaf(office: Office) -> None:
    office.enrol("door")
    office.segment("door")
    rows = office.store._database.read(
        lambda db: db.execute("SELECT leaf, seq FROM segments UNION ALL SELECT leaf, cause FROM gaps").fetchall()
    )
    for number, word in rows:
        entry = office.store._database.read(partial(ledger_table.leaf, number=number))
        assert entry is not None
        body = json.loads(entry.body)
        assert word in (body.get("seq"), body.get("cause"))


def test_a_lost_database_begins_a_generation_and_the_old_one_is_still_whole(office: Office) -> None:
    office.enrol("door")
    office.segment("door")
    office.store.ledger.sign_now()
    before, old = head(office), present(office)
    office.store.close()
    for file in office.state.glob("edged.db*"):
        file.unlink()
    office.start()
    office.store.ledger.rebuild(paced=False)
    first, second = every(office)[0], present(office)
    assert first.origin == old.origin != second.origin
    assert first.size >= before.checkpoint.size, "the last head came back"
    told = office.store._database.read(lambda db: ledger_table.leaf(db, second.first))
    assert told is not None
    previous = json.loads(told.body)["previous"]
    assert previous == {"origin": first.origin, "size": first.size, "root": first.root.hex() if first.root else None}
    root = office.store._database.read(lambda db: tree.root(ledger_table.read(db, first), first.size))
    assert root == first.root
    assert second.key is not None, "the key is still the same"
    assert second.key.rpartition("+")[2] == (old.key or "").rpartition("+")[2]


@pytest.mark.parametrize("what", ["gone", "damaged", "another's"])
def test_without_its_key_the_box_records_on_and_signs_nothing(office: Office, what: str, tmp_path: Path) -> None:
    office.enrol("door")
    office.store.close()
    size = parse((office.state / STATE_FILE).read_text()).checkpoint().size
    file = office.state / key.NAME
    file.unlink()
    if what == "damaged":
        file.write_bytes(b"-----BEGIN PRIVATE KEY-----\n")
    elif what == "another's":
        other = key.Keyring("office", tmp_path / "other.key")
        other.create_key()
        (tmp_path / "other.key").rename(file)
    left = file.read_bytes() if file.exists() else None
    office.start()
    office.enrol("door")
    office.segment("door")
    office.store.ledger.sign_now()
    assert present(office).size == size
    assert len(every(office)) == 1
    fault = office.store.ledger.head_signer.fault()
    assert fault is not None
    assert str(file) in fault
    assert (file.read_bytes() if file.exists() else None) == left, "nothing was put in its place"


def test_what_lies_in_the_place_of_the_key_counts_also_while_the_box_runs(office: Office, tmp_path: Path) -> None:
    office.enrol("door")
    office.store.ledger.sign_now()
    size, file, aside = present(office).size, office.state / key.NAME, tmp_path / "aside.key"
    other = key.Keyring("office", tmp_path / "other.key")
    other.create_key()
    file.rename(aside)
    assert f"{file}, is gone" in (office.store.ledger.status().unsigned or "")
    office.segment("door")
    office.store.ledger.sign_now()
    assert present(office).size == size, "with what is gone nothing is signed"
    (tmp_path / "other.key").rename(file)
    assert "not the one" in (office.store.ledger.status().unsigned or "")
    aside.replace(file)
    office.store.ledger.sign_now()
    assert present(office).size > size
    assert office.store.ledger.status().unsigned is None


@pytest.mark.parametrize("what", ["mode", "owner"])
def test_a_key_that_others_may_have_read_is_told_until_there_is_another(
    office: Office, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = office.state / key.NAME
    assert office.store.ledger.status().exposed is None
    if what == "mode":
        file.chmod(0o644)
    else:
        own = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: own + 1)
        os.utime(file)
    status = office.store.ledger.status()
    assert status.unsigned is None, "it signs on"
    assert str(file) in (status.exposed or "")
    assert ("mode 0644" if what == "mode" else f"uid {os.getuid()}") in (status.exposed or "")
    monkeypatch.undo()
    renew(office.store, new_key=True)
    assert office.store.ledger.status().exposed is None


def test_a_key_from_systemd_is_used_and_never_made(tmp_path: Path) -> None:
    ring = key.Keyring("office", tmp_path / "credential", ours=False)
    ring.create_key()
    assert ring.fault is not None
    assert not (tmp_path / "credential").exists()
