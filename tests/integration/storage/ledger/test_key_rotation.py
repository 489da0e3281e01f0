"""A generation begun by a person: what its first leaf names, which key signs, what a crash at each step leaves."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from storage.ledger import key, tree
from storage.ledger import table as ledger_table
from storage.ledger.key import KeyRotation, needs_key
from storage.ledger.note import Verifier, parse, sign
from storage.ledger.signer import HeadAgreement
from storage.ledger.table import Generation
from storage.store.facade import Store
from storage.words import failpoints
from storage.words.errors import OrderRefused
from storage.words.failpoints import Failpoint
from tests.support import renewing
from tests.support.office import Office

RENEWING: Final = [step for step in Failpoint if step.startswith("renew.")]
WHO, WHY = "林主任", "the key was lost with the old disk"


class Crash(BaseException):
    """The daemon dies here."""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path)
    opened.enrol("door")
    opened.segment("door")
    opened.store.ledger.sign_now()
    yield opened
    failpoints.arm(None)
    opened.store.close()


def every(office: Office) -> list[Generation]:
    return office.store._database.read(ledger_table.every)


def first_leaf(office: Office, generation: Generation) -> dict[str, Any]:
    entry = office.store._database.read(lambda db: ledger_table.leaf(db, generation.first))
    assert entry is not None
    found: dict[str, Any] = json.loads(entry.body)
    return found


def root_of(office: Office, generation: Generation, size: int) -> str:
    return office.store._database.read(lambda db: tree.root(ledger_table.read(db, generation), size)).hex()


def end_of(office: Office, generation: Generation) -> int:
    return office.store._database.read(lambda db: ledger_table.end(db, generation))


def renew(office: Office, *, new_key: bool = False) -> KeyRotation:
    return renewing.renew(office.store, WHO, WHY, new_key=new_key)


def without_key(office: Office) -> None:
    """It goes on without, and enters something that nobody signs."""
    office.store.close()
    (office.state / key.NAME).unlink()
    office.start()
    office.enrol("door")
    office.segment("door")
    office.store.ledger.sign_now()
    assert office.store.ledger.status().unsigned is not None


def keys_in_state(office: Office) -> set[str]:
    return {path.name for path in office.state.glob(f"{key.NAME}*")}


def test_the_old_key_signs_all_of_the_old_generation(office: Office) -> None:
    office.segment("door")
    renewed = renew(office)
    old, new = every(office)
    assert renewed.signed
    assert not renewed.new_key
    assert old.size == end_of(office, old) == new.first - old.first, "nothing of it is left unsigned"
    assert old.note is not None
    assert old.verifier is not None
    assert parse(old.note).signed_by(old.verifier)
    told = first_leaf(office, new)
    assert told["previous"] == {"origin": old.origin, "size": old.size, "root": root_of(office, old, old.size)}
    assert new.public == old.public
    assert new.size > 0, "it is signed at once"
    lying = office.disk / ".ledger"
    assert (lying / f"checkpoint-{old.first}.txt").read_text() == old.note
    assert (lying / f"checkpoint-{new.first}.txt").read_text() == new.note


def test_who_and_why_are_told_by_commitments_alone(office: Office) -> None:
    renew(office)
    told = first_leaf(office, every(office)[-1])
    opened = office.store._database.read(
        lambda db: db.execute(
            "SELECT field, salt, value FROM openings WHERE leaf = ?", (every(office)[-1].first,)
        ).fetchall()
    )
    assert {field: value for field, _, value in opened} == {"who": WHO, "why": WHY}
    for field, salt, value in opened:
        assert told[field] == ledger_table.commitment(salt, value)
    lines = b"".join(file.read_bytes() for file in (office.disk / ".ledger").iterdir())
    assert WHO.encode() not in lines
    assert WHY.encode() not in lines


def test_with_a_new_key_the_old_one_is_gone(office: Office) -> None:
    before = (office.state / key.NAME).read_bytes()
    assert renew(office, new_key=True).new_key
    old, new = every(office)
    assert old.size == end_of(office, old), "the old key signed before it went"
    assert old.public != new.public
    assert keys_in_state(office) == {key.NAME}
    assert all(before not in path.read_bytes() for path in office.state.iterdir() if path.is_file())
    office.store.close()
    office.start()
    assert office.store.ledger.head_signer.fault() is None


@pytest.mark.parametrize("what", ["gone", "damaged", "another's"])
def test_without_its_key_the_box_gets_a_new_one_that_vouches_for_what_was_unsigned(
    office: Office, what: str, tmp_path: Path
) -> None:
    without_key(office)
    left: bytes | None = None
    if what == "damaged":
        left = b"-----BEGIN PRIVATE KEY-----\n"
    elif what == "another's":
        other = key.Keyring("office", tmp_path / "other.key")
        other.create_key()
        left = (tmp_path / "other.key").read_bytes()
    if left is not None:
        office.store.close()
        (office.state / key.NAME).write_bytes(left)
        office.start()
    signed = every(office)[0].size
    renewed = renew(office)
    old, new = every(office)
    assert (renewed.signed, renewed.new_key) == (False, True)
    previous = first_leaf(office, new)["previous"]
    assert previous["size"] == end_of(office, old) > signed == old.size
    assert previous["root"] == root_of(office, old, previous["size"])
    assert new.note is not None
    assert new.verifier is not None
    assert parse(new.note).signed_by(new.verifier)
    assert office.store.ledger.status().unsigned is None
    aside = office.state / f"{key.NAME}.old"
    assert (aside.read_bytes() if aside.exists() else None) == left, "whoever asks how it came there can look"


def signs_nothing_until_renewed(office: Office, given_up: Generation, present: Generation) -> None:
    heads = {one.origin: one.size for one in every(office)}
    office.segment("door")
    office.store.ledger.sign_now()
    assert {one.origin: one.size for one in every(office)} == heads
    unsigned = office.store.ledger.status().unsigned
    assert unsigned is not None
    assert f"replaced with leaf {present.first}, where {present.origin} begins" in unsigned
    assert office.store.ledger.head_signer.signer() is None
    assert renew(office).new_key
    *_, last = every(office)
    assert last.public not in {None, given_up.public}
    assert last.size > 0
    assert office.store.ledger.status().unsigned is None


@pytest.mark.parametrize("what", [key.NAME, ""], ids=["the key", "the state directory"])
def test_a_key_that_was_given_up_never_signs_again(office: Office, tmp_path: Path, what: str) -> None:
    """It came back from a backup, alone or with all the rest: others may have it."""
    office.store.close()
    shutil.copytree(office.state, tmp_path / "old")
    office.start()
    renew(office, new_key=True)
    given_up, present = every(office)
    office.store.close()
    if not what:
        shutil.rmtree(office.state)
    (tmp_path / "old" / what).replace(office.state / what)
    office.start()
    signs_nothing_until_renewed(office, given_up, present)


def test_after_a_loss_a_key_that_was_put_there_by_anybody_is_not_gone_by(office: Office, tmp_path: Path) -> None:
    office.store.close()
    other = key.Keyring("office", tmp_path / "other.key")
    other.create_key()
    (tmp_path / "other.key").replace(office.state / key.NAME)
    (office.state / "edged.db").unlink()
    office.start()
    office.segment("door")
    office.store.ledger.sign_now()
    assert every(office)[-1].key is None
    assert "not the one that the ledger was signed with" in (office.store.ledger.status().unsigned or "")


def test_a_credential_that_was_given_up_has_to_be_replaced() -> None:
    first = Generation(1, "log", str(Verifier("log", b"1" * 32)), 0, None, None, 0)
    second = Generation(2, "log", str(Verifier("log", b"2" * 32)), 0, None, None, 0)
    assert needs_key([first, second], b"1" * 32, ours=False, wanted=False)
    assert not needs_key([first, second], b"3" * 32, ours=False, wanted=False)


def test_a_credential_is_never_replaced(office: Office, tmp_path: Path) -> None:
    credential = tmp_path / "credential"
    (office.state / key.NAME).rename(credential)
    before = credential.read_bytes()

    def reopen() -> Store:
        return Store.open(
            state=office.state, node="wenshan", volumes=office.specs, clock=office.clock, credential=credential
        )

    office.store.close()
    office.store = reopen()
    assert office.store.ledger.head_signer.fault() is None, "the key was only moved"
    with pytest.raises(OrderRefused, match="systemd"):
        renew(office, new_key=True)
    assert len(every(office)) == 1
    assert credential.read_bytes() == before
    office.store.close()
    other = key.Keyring("office", tmp_path / "other.key")
    other.create_key()
    credential.write_bytes((tmp_path / "other.key").read_bytes())
    office.store = reopen()
    assert office.store.ledger.head_signer.fault() is not None
    assert not renew(office).new_key, "who administers the box put it there: it counts"
    assert office.store.ledger.head_signer.fault() is None
    assert keys_in_state(office) == set()


def test_it_takes_a_new_key_where_the_last_one_is_not_there() -> None:
    def generation(public: bytes | None) -> Generation:
        return Generation(1, "log", None if public is None else str(Verifier("log", public)), 0, None, None, 0)

    first, second = b"1" * 32, b"2" * 32
    assert not needs_key([generation(first)], first, ours=True, wanted=False)
    assert needs_key([generation(first)], first, ours=True, wanted=True)
    assert needs_key([generation(first)], second, ours=True, wanted=False)
    assert needs_key([generation(first), generation(second)], first, ours=True, wanted=False), "it was given up before"
    assert not needs_key([generation(first), generation(None)], first, ours=True, wanted=False), "it was found again"
    assert needs_key([generation(first)], None, ours=True, wanted=False)
    assert not needs_key([generation(first)], second, ours=False, wanted=False)


def dies(step: Failpoint, work: Callable[[], object]) -> None:
    here = threading.current_thread()

    def listener(reached: Failpoint) -> None:
        if reached is step and threading.current_thread() is here:
            failpoints.arm(None)
            raise Crash

    failpoints.arm(listener)
    with pytest.raises(Crash):
        work()


@pytest.mark.parametrize("lacking", [False, True], ids=["with its key", "without"])
@pytest.mark.parametrize("step", RENEWING)
def test_a_crash_at_any_step_leaves_a_ledger_with_a_key_or_the_one_it_lacked(
    office: Office, step: Failpoint, lacking: bool
) -> None:
    if lacking:
        without_key(office)
    dies(step, lambda: renew(office, new_key=True))
    office.store.close(clean=False)
    office.start()
    begun = step is not Failpoint.RENEW_KEY
    assert len(every(office)) == 1 + begun
    assert (office.store.ledger.head_signer.fault() is None) == (begun or not lacking)
    assert not (office.state / f"{key.NAME}.new").exists(), "no key lies about that nobody goes by"
    office.enrol("door")
    office.segment("door")
    office.store.ledger.sign_now()
    last = every(office)[-1]
    assert (last.size == end_of(office, last)) == (begun or not lacking), "it is signed on"
    again = renew(office)
    assert again.new_key == (lacking and not begun)
    assert office.store.ledger.head_signer.fault() is None
    newest, before = every(office)[-1], every(office)[-2]
    assert newest.size == end_of(office, newest)
    assert first_leaf(office, newest)["previous"]["size"] == end_of(office, before)


def test_a_leaf_that_is_missing_is_told_and_the_mirror_goes_on(office: Office) -> None:
    office.segment("door")
    gone = every(office)[-1].first + 3
    office.store._database.submit(lambda db: db.execute("DELETE FROM leaves WHERE number = ?", (gone,))).result()
    office.segment("door")
    office.store.ledger.sign_now()
    status = office.store.ledger.status()
    assert str(gone) in status.hole
    office.segment("door")
    office.store.ledger.mirror_now()
    last = office.store._database.read(lambda db: db.execute("SELECT max(number) FROM leaves").fetchone()[0])
    mirrored = [line for file in (office.disk / ".ledger").glob("*.jsonl") for line in file.read_bytes().splitlines()]
    assert max(json.loads(line)["n"] for line in mirrored) == last
    renew(office)
    assert office.store.ledger.status().hole == ""
    assert every(office)[-1].size > 0
    assert first_leaf(office, every(office)[-1])["previous"]["size"] == every(office)[0].size, "the last head is known"


# --- what the centre holds --------------------------------------------------------------------------------------------


def held(office: Office, generation: Generation | None = None) -> tuple[str, str]:
    """The last head as the centre has kept it."""
    one = generation or every(office)[-1]
    assert one.note is not None
    assert one.key is not None
    return one.note, one.key


def test_a_head_of_ours_agrees_however_much_came_after_it(office: Office) -> None:
    kept = held(office)
    office.segment("door")
    assert office.store.ledger.centre_head.hold(*kept)
    assert office.store.ledger.centre_head.word() is HeadAgreement.AGREES
    assert office.store.ledger.centre_head.contradiction() is None


def put_back(office: Office, saved: Path) -> None:
    """State directory and volume as they were, by whoever may do everything on this box."""
    for place in (office.state, office.disk):
        shutil.rmtree(place)
        shutil.copytree(saved / place.name, place)


def save(office: Office, saved: Path) -> None:
    for place in (office.state, office.disk):
        shutil.copytree(place, saved / place.name)


@pytest.mark.parametrize("since", ["leaves", "a generation", "a new key"])
def test_an_older_state_that_was_put_back_is_found(office: Office, since: str, tmp_path: Path) -> None:
    office.store.close()
    save(office, tmp_path / "saved")
    office.start()
    office.enrol("door")
    for _ in range(3):
        office.segment("door")
    if since == "a generation":
        renew(office)
    elif since == "a new key":
        renew(office, new_key=True)
    office.store.ledger.sign_now()
    kept = held(office)
    size = parse(kept[0]).checkpoint().size
    office.store.close()
    put_back(office, tmp_path / "saved")
    office.start()
    office.enrol("door")
    witness = office.store.ledger.centre_head
    assert witness.hold(*kept)
    assert witness.word() is (HeadAgreement.LONGER if since == "leaves" else HeadAgreement.UNKNOWN)
    found = witness.contradiction()
    assert found is not None
    assert found.head.size == size
    for _ in range(9):  # as long as it was, and longer: other leaves
        office.segment("door")
    office.store.ledger.sign_now()
    assert witness.word() is (HeadAgreement.OTHER if since == "leaves" else HeadAgreement.UNKNOWN)
    renew(office)
    assert first_leaf(office, every(office)[-1])["contradicted"]["size"] == size
    assert witness.contradiction() is None
    office.store.close()
    office.start()
    assert office.store.ledger.centre_head.hold(*kept)
    assert office.store.ledger.centre_head.word() is HeadAgreement.SETTLED, "known also after a restart"


def test_a_lost_database_is_no_contradiction_once_the_volumes_are_read(office: Office) -> None:
    kept = held(office)
    office.store.close()
    for file in office.state.glob("edged.db*"):
        file.unlink()
    office.start()
    witness = office.store.ledger.centre_head
    assert witness.hold(*kept)
    assert witness.word() is HeadAgreement.UNSURE
    assert witness.contradiction() is None
    office.store.ledger.rebuild(paced=False)
    assert witness.word() is HeadAgreement.AGREES


def test_what_nobody_signed_is_no_head(office: Office, tmp_path: Path) -> None:
    witness = office.store.ledger.centre_head
    text, mine = held(office)
    assert not witness.hold("hello", mine)
    assert not witness.hold(f"log\n{'9' * 5000}\nAAAA\n\n\u2014 log AAAAAAAA\n", None)
    other = key.Keyring("office", tmp_path / "other.key")
    other.create_key()
    assert other.key is not None
    head = parse(text).checkpoint()
    forged = sign(head.text.replace(f"\n{head.size}\n", f"\n{head.size + 1}\n"), head.origin, other.key)
    assert witness.hold(forged, str(Verifier(head.origin, other.public or b"")))
    assert witness.word() is HeadAgreement.NONE, "in our name, with a key that is not ours"
    theirs = sign(head.text.replace(head.origin, "edged/wenshan/00000000"), "edged/wenshan/00000000", other.key)
    assert witness.hold(theirs, str(Verifier("edged/wenshan/00000000", other.public or b"")))
    assert witness.word() is HeadAgreement.UNKNOWN, "a ledger of this name that this box does not know"
    assert witness.hold(theirs, None)
    assert witness.word() is HeadAgreement.NONE
