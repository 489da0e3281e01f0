"""What people wrote lies on every volume as ciphertext: found again after a lost database, gone after an erasure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from storage.mirror.files import file_name
from storage.mirror.service import KEEP_S
from storage.office.keys import KeyGone
from storage.office.record_copies import RecordCopies
from storage.office.records import RecordId
from storage.office.service import WordsAway
from storage.volumes.volume import VolumeSpec
from storage.words.errors import OrderRefused, WriteFailed
from tests.integration.storage.office.test_requests import DAY, FORM, RECEIPT, YEAR
from tests.integration.storage.recovery.test_lost_database import gone, rebuilt
from tests.support.office import DEADLINE_S, WALL_MS, Office

MARKER: Final = "王小明"


@pytest.fixture
def box(memory: Path) -> Iterator[Office]:
    office = Office(memory)
    office.store.close()
    (memory / "second").mkdir()
    office.specs = (*office.specs, VolumeSpec(memory / "second"))
    office.start()
    assert office.store.office.open()
    yield office
    office.store.close()


def volumes(box: Office) -> list[Path]:
    return [one.path for one in box.specs]


def received(box: Office) -> str:
    return box.store.office.requests.receive("W-public", YEAR, DAY, RECEIPT, "deciding", FORM).number


def on_disk(volume: Path) -> set[str]:
    return {str(path.relative_to(volume / ".office")) for path in (volume / ".office").rglob("*") if path.is_file()}


def test_each_volume_has_what_people_wrote_and_nobody_reads_it(box: Office) -> None:
    number = received(box)
    person = box.store.office.persons.add(MARKER, "第一課", 1001)
    box.store.office.requests.act(number, 1, {"act": "amend"}, "deciding", FORM | {"phone": "02"})
    for volume in volumes(box):
        assert on_disk(volume) == {f"{number}/form-1", f"{number}/form-2", f"person-{person}/name-1"}
        assert not [path for path in volume.rglob("*") if path.is_file() and MARKER.encode() in path.read_bytes()]


def test_a_volume_that_lacks_some_is_made_alike_when_it_comes(box: Office) -> None:
    number = received(box)
    box.store.close()
    shutil.rmtree(volumes(box)[1] / ".office")
    box.start()
    assert box.store.office.open()
    box.store.office.maintain()
    assert on_disk(volumes(box)[1]) == on_disk(volumes(box)[0]) == {f"{number}/form-1"}


def test_a_lost_database_loses_no_word(box: Office) -> None:
    number = received(box)
    person = box.store.office.persons.add(MARKER, "第一課", 1001)
    box.store.ledger.mirror_now()
    box.store.close()
    gone(box.state / "edged.db")
    box.start()
    rebuilt(box)
    assert box.store.office.open()
    box.store.office.maintain()
    assert box.store.office.requests.words(number) == FORM
    assert box.store.office.persons.names() == {person: MARKER}


def test_what_was_erased_is_gone_from_each_volume_and_stays_so(box: Office) -> None:
    number, other = received(box), received(box)
    aside = box.state.parent / "aside"
    shutil.copytree(volumes(box)[1] / ".office", aside)
    erase(box, number)
    for volume in volumes(box):
        assert on_disk(volume) == {f"{other}/form-1"}
    with pytest.raises(OrderRefused, match="were erased"):
        box.store.office.requests.act(number, 1, {"act": "amend"}, "deciding", FORM)
    box.store.ledger.mirror_now()
    box.store.close()
    gone(box.state / "edged.db")
    shutil.rmtree(volumes(box)[1] / ".office")
    shutil.copytree(aside, volumes(box)[1] / ".office")  # it was away meanwhile
    box.start()
    rebuilt(box)
    assert box.store.office.open()
    box.store.office.maintain()
    assert box.store.office.requests.get(number).row.erased
    with pytest.raises(WordsAway):
        box.store.office.requests.words(number)
    assert box.store.office.requests.words(other) == FORM
    assert on_disk(volumes(box)[1]) == {f"{other}/form-1"}


def erase(box: Office, number: str) -> None:
    deed = box.store.office.requests.erase(number)
    box.store._held.database.submit(deed).result()
    box.store.office.requests.follow_up()


def away(box: Office, volume: Path) -> Path:
    """It is unplugged; where it lies meanwhile."""
    return volume.rename(volume.with_name(f"{volume.name}-aside"))


def test_whoever_is_erased_by_a_leaf_that_comes_later_is_erased_then(box: Office) -> None:
    """The database is lost while the volume that knows is away, and somebody enters the persons once more."""
    number, (first, second) = received(box), volumes(box)
    box.store.ledger.mirror_now()
    box.store.close()
    aside = away(box, second)
    box.start()
    assert box.store.office.open()
    erase(box, number)
    box.store.ledger.mirror_now()
    box.store.close()
    gone(box.state / "edged.db")
    elsewhere = away(box, first)
    aside.rename(second)
    box.start()
    rebuilt(box)
    assert box.store.office.open()
    assert box.store.office.nameless() == [number]
    box.store.office.requests.act(number, 1, {"act": "amend"}, "deciding", FORM)
    box.store.close()
    elsewhere.rename(first)
    box.start()
    rebuilt(box)
    assert box.store.office.open()
    box.store.office.finish_erasures()
    box.store.office.maintain()
    assert box.store.office.requests.get(number).row.erased
    assert box.store.office.nameless() == []
    with pytest.raises(OrderRefused, match="were erased"):
        box.store.office.requests.act(number, 2, {"act": "amend"}, "deciding", FORM)
    assert on_disk(first) == on_disk(second) == set()


def test_an_erasure_that_the_disk_cut_off_is_finished_without_a_restart(
    box: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, other = received(box), received(box)
    with monkeypatch.context() as broken:
        broken.setattr("storage.office.keys.StateFile.overwrite", lambda *_: os.pwrite(-1, b"", 0))
        with pytest.raises(WriteFailed):
            box.store.office.requests.erase(number)
    assert box.store.office.open()
    box.store.office.finish_erasures()
    assert box.store.office.requests.get(number).row.erased
    with pytest.raises(WordsAway):
        box.store.office.requests.words(number)
    assert box.store.office.requests.words(other) == FORM


def test_a_lost_database_loses_no_request_of_years_ago(box: Office) -> None:
    """Days' files of the ledger go with the footage; leaves of the office stay."""
    number = received(box)
    box.store.ledger.mirror_now()
    box.clock.tick((KEEP_S + 86_400) * 1000)
    box.store.heartbeat().result(DEADLINE_S)
    box.store.ledger.mirror_now()
    names = {path.name for path in (volumes(box)[0] / ".ledger").glob("*.jsonl")}
    assert file_name(WALL_MS) not in names, "the day has gone"
    box.store.close()
    gone(box.state / "edged.db")
    box.start()
    rebuilt(box)
    assert box.store.office.open()
    box.store.office.maintain()
    assert box.store.office.requests.get(number).receipt == RECEIPT
    assert box.store.office.requests.words(number) == FORM


def test_an_older_file_of_keys_is_told_and_brings_nobody_back(box: Office) -> None:
    number, other = received(box), received(box)
    files = {name: (box.state / name).read_bytes() for name in ("office.key", "office.keys")}
    erase(box, number)
    later = received(box)
    box.store.close()
    for name, data in files.items():
        (box.state / name).write_bytes(data)
    box.start()
    assert box.store.office.open()
    assert box.store.office.restored is not None
    with pytest.raises(WordsAway):
        box.store.office.requests.words(number)
    assert box.store.office.requests.words(other) == FORM
    assert box.store.office.nameless() == [later]


def test_who_was_lost_with_the_keys_is_entered_again(box: Office) -> None:
    number = received(box)
    person = box.store.office.persons.add(MARKER, "第一課", 1001)
    box.store.close()
    for name in ("office.key", "office.keys"):
        (box.state / name).unlink()
    box.start()
    assert box.store.office.open()
    assert box.store.office.nameless() == [number, f"person-{person}"]
    with pytest.raises(KeyGone):
        box.store.office.requests.words(number)
    assert box.store.office.persons.names() == {person: ""}
    box.store.office.requests.act(number, 1, {"act": "amend"}, "deciding", FORM)
    box.store.office.persons.rename(person, "王大明", 1001)
    assert box.store.office.requests.words(number) == FORM
    assert box.store.office.persons.names() == {person: "王大明"}
    assert box.store.office.nameless() == []


def test_a_scan_lies_on_the_volumes_alone(box: Office) -> None:
    copies: RecordCopies = box.store.office.copies
    scan = RecordId("115-0001", "scan", 1)
    received(box)
    box.store.office.requests.add_scan("115-0001", b"%PDF-1.7 ...")
    assert box.store.office.requests.scan("115-0001", 1) == b"%PDF-1.7 ..."
    first, second = (volume / ".office" / scan.number / scan.name for volume in volumes(box))
    first.write_bytes(b"x" + first.read_bytes()[1:])
    assert box.store.office.requests.scan("115-0001", 1) == b"%PDF-1.7 ..."
    second.unlink()
    assert copies.get(scan) is None


def test_a_scan_that_no_volume_takes_is_not_kept(box: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    received(box)
    monkeypatch.setattr(box.store.office.copies, "_present", dict)
    with pytest.raises(OrderRefused, match="no volume takes it"):
        box.store.office.requests.add_scan("115-0001", b"%PDF-1.7 ...")
    assert box.store.office.requests.scan("115-0001", 1) is None
