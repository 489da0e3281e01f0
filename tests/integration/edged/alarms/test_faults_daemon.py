"""報修 on the running daemon: found by the box, reported, repaired, checked by somebody else, over a kill."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from edged.alarms import fault_tickets, tracking
from edged.documents import tickets as documents
from edged.evidence import watches
from edged.words import exit_codes
from edged.words.roles import Role
from tests.integration.edged.access.peopled import Office, opened
from tests.support.daemon import shortened
from tests.support.fsck import fsck_clean
from tests.support.people import Answer, Call, Town, can_be_others

pytestmark = pytest.mark.skipif(not can_be_others(), reason="nobody can be somebody else here: needs root")

SOON_S: Final = 60.0
"""Nothing here is measured: a loaded machine may take its time."""


HASTE: Final = shortened(
    (tracking, "CLEAR_AFTER_S", 10.0), (watches, "RESCAN_EVERY_S", 1.0), (fault_tickets, "LOOK_EVERY_S", 1.0)
)
"""After a start what was found before is told with the first round; the alarm must not end until then."""


def listed(office: Office, query: str = "") -> list[documents.Fault]:
    return documents.Faults.model_validate(office.daemon.ask(f"/v1/faults{query}")).faults


def only(office: Office) -> documents.Fault:
    (found,) = listed(office, "?all=true")
    return found


def step(office: Office, who: str, fault: str, name: str, **words: Any) -> Answer:
    return office.ask(who, Call("POST", f"/v1/faults/{fault}/{name}", json.dumps(words)))[0]


def test_a_fault_goes_through_all_hands_and_is_told_as_a_whole() -> None:
    with Town() as town:
        groups = {role: [town.group(str(role)[:4])] for role in Role}
        of = {"lin": Role.TECHNICIAN, "chen": Role.OPERATOR, "wang": Role.OPERATOR}
        people = {who: town.account(who, groups[role]) for who, role in of.items()}
        with opened(town, people, groups, sabotage=HASTE) as office:
            edged = office.daemon
            strange = edged.volume / "lobby" / "strange.txt"
            written = strange.parent.glob
            edged.until(lambda: [*written("*/*.mp4")], SOON_S, "a segment is committed: the folder is watched by now")
            strange.write_text("of somebody else")
            edged.until(lambda: listed(office), SOON_S, "the box finds a fault")
            found = only(office)
            assert (found.state, found.key.partition(":")[0], found.stands) == ("found", "storage.tampered", found.key)
            assert found.volume is not None

            given = {"to": "光田資訊", "reference": "R-1142", "note": "明早到場"}
            assert step(office, "lin", found.id, "report", **given).status == 200
            assert step(office, "chen", found.id, "repair", note="已移除").status == 200
            assert step(office, "lin", found.id, "check", note="正常").refused, "a technician closes nothing"
            still = step(office, "wang", found.id, "check", note="正常")
            assert still.status != 200
            assert "storage.tampered" in still.document["error"]

            edged.sigkill()
            edged.wait_for_no_process()
            edged.start()
            edged.wait_for_states("recording", ["lobby"], SOON_S)
            assert only(office).state == "repaired"
            strange.unlink()
            edged.until(lambda: only(office).stands is None, SOON_S, "the box sees nothing of it any more")
            own = step(office, "chen", found.id, "check", note="正常")
            assert own.status != 200
            assert "another person" in own.document["error"]
            assert step(office, "wang", found.id, "check", note="正常").status == 200

            assert edged.ctl("faults").document["faults"] == []
            closed = only(office)
            assert closed.state == "checked"
            assert closed.repair_s is not None
            assert 0 < closed.repair_s <= closed.age_s
            told = office.ask("chen", Call("GET", f"/v1/faults/{found.id}"))[0]
            steps = documents.FaultsShow.model_validate(told.document).steps
            assert [one.step for one in steps] == ["found", "reported", "repaired", "checked"]
            by = [(one.by.partition("-")[2], one.to, one.reference, one.note) for one in steps if one.by]
            assert by == [
                ("lin", "光田資訊", "R-1142", "明早到場"),
                ("chen", "", "", "已移除"),
                ("wang", "", "", "正常"),
            ]
            assert edged.ctl("faults", "show", "F-20260501-2222").code == exit_codes.USAGE
            fsck_clean(edged)
