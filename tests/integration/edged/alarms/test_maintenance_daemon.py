"""維護 on the running daemon: what goes wrong meanwhile waits, over a kill, and is raised when it is over."""

from __future__ import annotations

from pathlib import Path

from edged.alarms import tracking
from edged.documents import site
from edged.documents import tickets as documents
from edged.health import stream
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon, shortened

NOBODY = "rtsp://127.0.0.1:9/stream"
"""A camera that is unplugged: nobody listens there."""
SOON_S = 60.0
"""Nothing here is measured: a loaded machine may take its time."""
HELD = "camera.down:gate"
LOBBY, GATE = (Watched(name, f"test://{name}?size=160x90&fps=5&gop=1") for name in ("lobby", "gate"))
HASTE = shortened((stream, "DOWN_AFTER_S", 4.0), (tracking, "CLEAR_AFTER_S", 2.0))


def shown(daemon: Daemon) -> documents.Maintenance:
    return documents.Maintenance.model_validate(daemon.ask("/v1/maintenance"))


def alarms(daemon: Daemon) -> site.Alarms:
    return site.Alarms.model_validate(daemon.ask("/v1/alarms"))


def test_what_is_unplugged_waits_over_a_kill_and_is_raised_at_the_end(tmp_path: Path) -> None:
    with Daemon(tmp_path, Setup([LOBBY, GATE]), sabotage=HASTE) as daemon:
        daemon.wait_for_states("recording", ["lobby"], SOON_S)
        begun = daemon.ctl("maintenance", "start", "--reason", "換線", "--camera", "gate", "--with", "光田 林先生")
        assert begun.code == 0, begun.stderr
        daemon.reload(Setup([LOBBY, Watched("gate", NOBODY)]))
        daemon.until(lambda: [one.key for one in shown(daemon).held] == [HELD], SOON_S, "the alarm is held back")
        daemon.sigkill()
        daemon.wait_for_no_process()
        daemon.start()
        daemon.wait_for_states("recording", ["lobby"], SOON_S)
        found = daemon.until(lambda: shown(daemon) if shown(daemon).held else None, SOON_S, "it is held back again")
        assert found is not None
        assert found.maintenance is not None
        assert (found.reason, found.accompanied, found.maintenance.cameras) == ("換線", "光田 林先生", ["gate"])
        status = daemon.status()
        assert status is not None
        assert status.verdict == "warning", "gate does not record, and nobody takes it for well"
        assert "maintenance of gate is under way" in status.action
        assert [alarm.key for alarm in status.alarms if alarm.key == HELD] == []
        gaps = [gap for gap in daemon.gaps("gate") if gap.cause == "maintenance"]
        assert "daemon-crash" in {gap.beneath for gap in gaps}
        assert daemon.gaps("gate")[-1].end is None
        assert daemon.gaps("gate")[-1].cause == "maintenance"

        ended = daemon.ctl("maintenance", "end")
        assert ended.code == 0, ended.stderr
        assert [one["key"] for one in ended.document["held"]] == [HELD]
        daemon.until(
            lambda: [one.key for one in alarms(daemon).alarms if one.state == "raised"] == [HELD],
            SOON_S,
            "it is raised",
        )
        last = daemon.gaps("gate")[-1]
        assert (last.cause in ("unreachable", "refused"), last.beneath, last.end) == (True, None, None)
        assert daemon.ctl("maintenance").document["maintenance"] is None
        assert daemon.ctl("maintenance", "end").code == 64
        assert_refused(daemon)
        lobby = {gap.cause for gap in daemon.gaps("lobby")}
        assert "maintenance" not in lobby


def assert_refused(daemon: Daemon) -> None:
    """Wrong words come to one clear error, and nothing begins."""
    for words in (["--camera", "attic"], ["--for", "2"], ["--for", "13h"], ["--for", "1s"]):
        refused = daemon.ctl("maintenance", "start", "--reason", "x", *words)
        assert refused.code == 64, (words, refused)
    assert daemon.ctl("maintenance", "start", "--reason", "two\nlines").code == 64
    assert shown(daemon).maintenance is None
