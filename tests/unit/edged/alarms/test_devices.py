"""What befalls an NVR is one alarm; what befalls one of its channels is that channel's."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from edged.alarms import conditions
from edged.alarms import tracking as alarms
from edged.alarms.conditions import LINGER_MS, REWORD_MS, DeviceCamera, Episode
from edged.alarms.tracking import Change, Tracked
from edged.overview import AlarmCondition
from storage.words.message import NOTHING, as_message
from storage.words.model import GapCause, Severity

NVR = "rtsp://10.0.0.20:554"
KEY = "device.fault:10.0.0.20:554"
NAMES = [f"ch{n:02}" for n in range(1, 33)]


def well(camera: str, device: str = NVR) -> DeviceCamera:
    return DeviceCamera(
        camera, device, down=False, unsteady=False, lost_s=0, cause=None, came_back=NOTHING, check=NOTHING
    )


def out(
    camera: str, cause: GapCause | None, lost_s: float = 15, words: str = "no answer", check: str = "it"
) -> DeviceCamera:
    told = words if cause else ""
    return replace(
        well(camera), down=True, cause=cause, lost_s=lost_s, came_back=as_message(told), check=as_message(check)
    )


class Watch:
    """One look a second, as the daemon does it."""

    def __init__(self) -> None:
        self.now_s = 1_000
        self.episodes: dict[str, Episode] = {}
        self.tracked: dict[str, Tracked] = {}
        self.changes: list[Change] = []

    def look(self, cameras: list[DeviceCamera], seconds: int = 1) -> dict[str, AlarmCondition]:
        found: dict[str, AlarmCondition] = {}
        for _ in range(seconds):
            self.now_s += 1
            self.episodes = conditions.step(self.episodes, cameras, self.now_s * 1000)
            found = conditions.device_troubles(self.episodes, cameras)
            self.tracked, changes = alarms.step(self.tracked, found, self.now_s)
            self.changes += changes
        return found

    def told(self, one: DeviceCamera) -> bool:
        return conditions.is_part(one, self.episodes.get(one.device))

    def heard(self) -> list[tuple[str, bool]]:
        return [(change.key, change.trouble is not None) for change in self.changes]


def test_a_restart_of_an_nvr_is_one_alarm_from_its_beginning_to_its_end() -> None:
    """All channels stop, first without a cause, then with many; then they come back one after the other."""
    watch = Watch()
    watch.look([well(name) for name in NAMES], 5)
    for second in range(90):
        causes = [GapCause.STALLED, GapCause.DROPPED, GapCause.REFUSED, GapCause.UNREACHABLE]
        cause = None if second < 2 else causes[min(second // 20, 3)]
        cameras = [out(name, cause, 10 + second, f"{cause} words") for name in NAMES]
        watch.look(cameras)
        assert all(watch.told(one) for one in cameras)
    for back in range(len(NAMES)):
        cameras = [well(n) if i <= back else out(n, GapCause.REFUSED) for i, n in enumerate(NAMES)]
        watch.look(cameras, 1 if back % 3 == 0 else 0)
        assert all(watch.told(one) for one in cameras if one.down)
    watch.look([well(name) for name in NAMES], 60)
    kinds = watch.heard()
    assert (kinds[0], kinds[-1]) == ((KEY, True), (KEY, False))
    assert {key for key, _ in kinds} == {KEY}
    assert len(kinds) <= 6, "its words follow the causes, but not each second"


def test_the_alarm_names_the_cameras_what_came_back_and_what_to_check() -> None:
    watch = Watch()
    trouble = watch.look([out(name, GapCause.UNREACHABLE) for name in NAMES])[KEY]
    assert trouble.severity is Severity.CRITICAL
    assert trouble.text.startswith("All 32 cameras behind 10.0.0.20:554 are not recorded (ch01, ch02, ")
    assert trouble.text.endswith("and 16 more): no answer")
    assert trouble.action == "Check power and network of this device, and its address in edged's configuration"


def test_a_certificate_that_nobody_trusts_is_one_alarm_that_says_what_to_write() -> None:
    pin = 'the fingerprint; if it is this one, write certificate = "sha256:5c"'
    cameras = [out(name, GapCause.UNTRUSTED, words="a certificate", check=pin) for name in NAMES]
    assert Watch().look(cameras)[KEY].action == f"Check {pin}"


def test_a_limit_of_sessions_is_one_alarm_while_the_others_are_recorded() -> None:
    watch = Watch()
    words = "453 Not Enough Bandwidth: the device allows no more sessions"
    refused = [out(n, GapCause.REFUSED, words=words, check="its limit of sessions") for n in NAMES[16:]]
    trouble = watch.look([*map(well, NAMES[:16]), *refused], 5)[KEY]
    assert "16 of 32 cameras behind" in trouble.text
    assert words in trouble.text
    assert trouble.action == "Check its limit of sessions"
    assert not any(watch.told(well(name)) for name in NAMES[:16])


def test_faults_of_single_channels_stay_theirs() -> None:
    watch = Watch()
    others = [well(name) for name in NAMES[2:]]
    for pair in (
        [out("ch01", GapCause.STALLED), well("ch02")],
        [out("ch01", GapCause.STALLED), out("ch02", GapCause.DROPPED)],
        [out("ch01", GapCause.REFUSED), well("ch02")],
        [out("ch01", GapCause.NO_SUCH_STREAM), out("ch02", GapCause.NO_SUCH_STREAM)],
    ):
        assert watch.look([*pair, *others], 20) == {}
    assert watch.changes == []


def test_cameras_that_only_connect_are_no_trouble_of_a_device() -> None:
    """At a start all are down for a moment; later the names are of those that stay so."""
    watch = Watch()
    for second in range(5):
        assert watch.look([out(name, GapCause.STARTING, second, "") for name in NAMES]) == {}
    rest = [out(name, GapCause.REFUSED) for name in NAMES[30:]]
    assert "2 of 32 cameras" in watch.look([*map(well, NAMES[:30]), *rest], 5)[KEY].text


def test_a_full_disk_and_a_camera_alone_at_its_address_are_no_trouble_of_a_device() -> None:
    watch = Watch()
    assert watch.look([out(name, GapCause.DISK_FULL) for name in NAMES], 20) == {}
    alone = [replace(out(name, GapCause.UNREACHABLE), device=f"rtsp://{name}:554") for name in NAMES]
    assert watch.look(alone, 20) == {}


def test_an_nvr_that_came_back_to_its_limit_of_sessions_is_not_said_to_serve_nobody() -> None:
    """It was away, all were out; since then it serves as many as it can, and that lasts."""
    watch = Watch()
    watch.look([out(name, GapCause.UNREACHABLE) for name in NAMES], 20)
    limited = [*map(well, NAMES[:30]), *(out(name, GapCause.REFUSED, words="453") for name in NAMES[30:])]
    assert watch.look(limited, LINGER_MS // 1000)[KEY].text.startswith("All 32 cameras"), "it may still be starting"
    assert watch.look(limited, 5)[KEY].text.startswith(
        "2 of 32 cameras behind 10.0.0.20:554 are not recorded (ch31, ch32)"
    )
    watch.look(limited, 60)
    assert len(watch.changes) <= 3, "raised, another cause, the rest: each once"


def test_a_channel_that_stays_out_after_its_nvr_is_back_becomes_its_own_trouble() -> None:
    watch = Watch()
    watch.look([out(name, GapCause.UNREACHABLE) for name in NAMES], 20)
    left = out("ch05", GapCause.STALLED)
    cameras = [left if name == "ch05" else well(name) for name in NAMES]
    watch.look(cameras, LINGER_MS // 1000 - 1)
    assert watch.told(left)
    watch.look(cameras, 3)
    assert not watch.told(left)
    watch.look(cameras, 30)
    assert watch.heard() == [(KEY, True), (KEY, True), (KEY, False)], "raised, reworded for what is left of it, over"


def test_another_cause_is_told_when_it_lasts() -> None:
    watch = Watch()
    watch.look([out(name, GapCause.REFUSED, words="refused") for name in NAMES], 20)
    changed = [out(name, GapCause.UNREACHABLE, words="no answer") for name in NAMES]
    assert watch.look(changed, REWORD_MS // 1000 - 1)[KEY].text.endswith("refused")
    assert watch.look(changed, 3)[KEY].text.endswith("no answer")
    assert watch.heard() == [(KEY, True), (KEY, True)]


def test_an_nvr_that_drops_everybody_again_and_again_is_one_warning() -> None:
    watch = Watch()
    shaky = [replace(well(name), unsteady=True) for name in NAMES]
    between = [replace(out(name, GapCause.DROPPED, 3, "ended"), down=False, unsteady=True) for name in NAMES]
    for _ in range(20):
        watch.look(shaky, 5)
        watch.look(between, 3)
    assert {change.trouble.severity for change in watch.changes if change.trouble} == {Severity.WARNING}
    assert len(watch.changes) <= 2
    assert "only part of the time" in watch.look(shaky)[KEY].text


CAMERAS = st.lists(
    st.tuples(st.sampled_from(NAMES[:6]), st.booleans(), st.booleans(), st.sampled_from([None, *GapCause])),
    max_size=6,
    unique_by=lambda one: one[0],
)


@given(st.lists(st.tuples(CAMERAS, st.integers(1, 40)), max_size=12))
def test_whatever_happens(looks: list[tuple[list[tuple[str, bool, bool, GapCause | None]], int]]) -> None:
    """Nobody who is well is part of it, nobody is told alone, and what is told of the device names who is in it."""
    watch = Watch()
    for states, seconds in looks:
        cameras = [
            replace(out(name, cause) if down else well(name), unsteady=unsteady)
            for name, down, unsteady, cause in states
        ]
        found = watch.look(cameras, seconds)
        told = [one for one in cameras if watch.told(one)]
        assert all(one.is_unwell for one in told)
        assert bool(told) == bool(found)
        for trouble in found.values():
            assert all(one.camera in trouble.text for one in told)
            assert trouble.action.startswith("Check ")
        for episode in watch.episodes.values():
            assert len(episode.cameras) > 1
