"""`edgectl ledger` on a real store: what is listed, in which order, who vouches for it; over HTTP as one document."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest.mock import patch

import pytest

from edged.documents import ledger as documents
from storage.audit.findings import Tree
from storage.ledger import key
from storage.ledger import queries as ledger_queries
from storage.ledger.queries import LeafFilter, ListedLeaf
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.office import Office
from tests.support.people import can_log_in
from tests.support.renewing import renew, renew_by_two

DEADLINE_S = 10.0


@pytest.fixture
def office(memory: Path) -> Iterator[Office]:
    with patch.object(ledger_queries, "BITS", 3):
        opened = Office(memory)
        opened.enrol("door")
        for _ in range(8):
            opened.segment("door")
        opened.store.ledger.mirror_now()
        opened.store._database.submit(lambda _: None, yielding=True).result(DEADLINE_S)
        yield opened
        opened.store.close()


def listed(office: Office, wanted: LeafFilter | None = None, last: int | None = None) -> list[ListedLeaf]:
    return [one for page in office.store.ledger.leaves.pages(wanted or LeafFilter(), last) for one in page.leaves]


def checked(office: Office) -> Sequence[Tree]:
    report = office.store.ledger.verify(None, lambda _: None, threading.Event())
    assert report.clean, report.findings.named
    return report.trees


def numbers(found: list[ListedLeaf]) -> list[int]:
    return [one.told.entry.number for one in found]


def test_all_or_the_last_ones_the_newest_last(office: Office) -> None:
    every = numbers(listed(office))
    assert every == list(range(1, len(every) + 1))
    blocks = office.store._database.read(lambda db: db.execute("SELECT count(*) FROM leaf_blocks").fetchone()[0])
    assert blocks == len(every) >> 3, "all blocks that are whole can be passed over"
    for count in (1, 7, 8, 9, len(every), len(every) + 5):
        assert numbers(listed(office, last=count)) == every[-count:]
    segments = numbers(listed(office, LeafFilter(kinds=frozenset({"segment"}))))
    assert len(segments) == 8
    assert numbers(listed(office, LeafFilter(kinds=frozenset({"segment"})), last=3)) == segments[-3:]
    assert numbers(listed(office, LeafFilter(camera="gate"))) == []


def test_by_the_time_it_was_entered_also_when_the_clock_was_set_back(office: Office) -> None:
    before = office.clock.wall_ms
    office.clock.step_wall(-86_400_000)
    office.segment("door")
    office.store.ledger.mirror_now()
    back = office.clock.wall_ms
    late = {one.told.entry.number for one in listed(office, LeafFilter(from_ms=before - 3_600_000))}
    early = {one.told.entry.number for one in listed(office, LeafFilter(to_ms=back + 3_600_000))}
    assert late | early == set(numbers(listed(office)))
    assert not late & early
    assert max(early) > max(late), "what was entered last was entered earliest, by the clock"


def test_who_vouches_for_a_leaf(office: Office) -> None:
    office.store.ledger.sign_now()
    head = office.store.ledger.head_signer.head()
    assert head is not None
    office.segment("door")
    office.store.ledger.centre_head.seen(head.checkpoint.origin, 5).result(DEADLINE_S)
    marks = [(one.is_signed, one.is_seen) for one in listed(office)]
    size = head.checkpoint.size
    assert marks[:5] == [(True, True)] * 5
    assert marks[5:size] == [(True, False)] * (size - 5)
    assert set(marks[size:]) == {(False, False)}
    office.store.ledger.centre_head.seen(head.checkpoint.origin, size + 1000).result(DEADLINE_S)
    assert sum(one.is_seen for one in listed(office)) == 5, "nobody has seen a head that was never signed"


def test_what_was_unsigned_is_vouched_for_by_the_next_generation(office: Office) -> None:
    office.store.ledger.sign_now()
    office.store.close()
    (office.state / key.NAME).unlink()
    office.start()
    office.enrol("door")
    office.segment("door")
    office.store.ledger.sign_now()
    assert not listed(office)[-1].is_signed
    (before,) = checked(office)
    assert before.vouched == before.signed
    assert before.signed.size < before.leaves.size
    renew(office.store, "林", "the key is gone")
    assert all(one.is_signed for one in listed(office))
    present = office.store.ledger.leaves.covered()[-1].generation
    office.store.ledger.centre_head.seen(present.origin, 1).result(DEADLINE_S)
    assert sum(one.is_seen for one in listed(office)) == present.first, "and by whoever has seen its head"
    old, new = checked(office)
    assert old.signed == before.signed
    assert old.vouched == old.seen == old.leaves, "the check knows of it, too"
    assert (new.vouched.size, new.seen.size) == (new.signed.size, 1)


@pytest.mark.skipif(not can_log_in(), reason="nobody may set a login uid here: needs root")
def test_over_the_socket(memory: Path) -> None:
    with Daemon(memory, Setup([Watched("lobby", "test://?size=160x96&fps=10&gop=0.5")])) as edged:
        edged.wait_for_states("recording", ["lobby"])
        answer = edged.ctl("ledger", "--kind", "run", "--kind", "generation")
        assert answer.code == 0, answer.stderr
        document = documents.Ledger.model_validate(answer.document)
        assert {leaf.kind for leaf in document.ledger} == {"run", "generation"}
        assert document.generations[0].origin == document.ledger[0].generation
        acts = documents.Ledger.model_validate(edged.ctl("ledger", "--act", "ledger").document).ledger
        assert len(acts) == 1, "the first look is on record, and the second is counted"
        assert "ledger done" in acts[0].text
        assert acts[0].openings["who"] in acts[0].text
        assert acts[0].openings["who"] not in json.dumps(acts[0].body)
        assert edged.ctl("ledger", "--kind", "gossip").code == 64
        strange = edged.ctl("ledger", "--camera", "cellar")
        assert (strange.code, strange.document["error"]) == (64, "there is no camera cellar")
        strange = edged.ctl("ledger", "--act", "gossip")
        assert (strange.code, strange.document["error"]) == (64, "there is no verb called gossip")
        assert "pin add" in strange.document["action"]
        assert edged.ctl("ledger", "--camera", "lobby", "--act", "pin add").document["ledger"] == []
        same = renew_by_two(edged.config, "a new year")
        fingerprint = documents.Ledger.model_validate(edged.ctl("ledger").document).generations[-1].fingerprint
        assert f"the same key as now ({fingerprint})" in same["done"]["sentence"]
        assert f"The key stays the same: {fingerprint}." in same["outcome"]
        assert edged.ctl("ledger", "--limit", "0").code == 64
        assert edged.ctl("ledger", "--from", "2020-01-01", "--to", "2020-01-02").document["ledger"] == []
        before = edged.state.joinpath("ledger.key").read_bytes()
        told = renew_by_two(edged.config, "someone had the disk in hand", "--new-key")
        assert edged.state.joinpath("ledger.key").read_bytes() != before
        last = documents.Ledger.model_validate(edged.ctl("ledger", "--kind", "generation").document)
        assert len(last.generations) == 3
        assert last.generations[-1].fingerprint in told["outcome"], "whoever publishes it has it from there"
        assert "someone had the disk in hand" in last.ledger[-1].text
        assert edged.stop() == 0
