"""Whether cameras send what their clause demands: all the time, large enough, often enough, in colour, heard. Pure."""

from __future__ import annotations

from typing import Final

from edged.compliance.model import ClauseStatus, Facts, Outcome, judged, named
from edged.config.model import CameraConfig
from edged.health.faults import MediaFault, MediaHealth
from edged.overview.model import CameraHealth
from edged.profiles.loader import Picture, ProfileClause

FPS_SLACK: Final = 0.02
"""Of a rate measured over 5 s or more: one image more or less at either end."""
DRIFT_MS: Final = 200
"""Sound this far from its picture is not that of what is seen (P2: drift below 0.2 s)."""
_UNHEARD: Final = {
    MediaFault.SILENT: "聽不到聲音",
    MediaFault.CLIPPED: "聲音過大而失真",
    MediaFault.MUTE: "沒有聲音",
    MediaFault.DRIFT: "聲音與畫面不同步",
}


def mode(_clause: ProfileClause, facts: Facts) -> Outcome:
    """Configured is recording all the time; so it has to be seen to."""
    faults, evidence = [], []
    for camera in facts.seen.config.cameras:
        health = facts.seen.health.get(camera.id)
        state = health.condition.state.value if health is not None else "down"
        if not camera.enabled:
            evidence.append(f"{named(camera)}：已停用")
        elif state in ("recording", "degraded"):
            evidence.append(f"{named(camera)}：全時錄影，目前錄影中")
        else:
            faults.append(f"{named(camera)}：設定為全時錄影，目前沒有錄影")
    if not any(camera.enabled for camera in facts.seen.config.cameras):
        faults.append("沒有啟用的攝影機")
    return judged(faults, evidence)


def picture(clause: ProfileClause, facts: Facts) -> Outcome:
    asked = clause.demands.picture
    faults: list[str] = []
    evidence: list[str] = []
    live = [camera for camera in facts.seen.config.cameras if camera.enabled]
    if asked is None or not live:
        return Outcome(ClauseStatus.NOT_MET, ("沒有啟用的攝影機",))
    for camera in live:
        wrong, told = _picture(facts.seen.health.get(camera.id), facts.seen.judged.get(camera.id), asked)
        faults += [f"{named(camera)}：{one}" for one in wrong]
        evidence += [f"{named(camera)}：{told}"] if told else []
    return judged(faults, evidence)


def _picture(health: CameraHealth | None, eye: MediaHealth | None, asked: Picture) -> tuple[list[str], str]:
    """What is wrong, and what was measured."""
    stream = health.stream if health is not None else None
    if health is None or stream is None or not stream.width or not stream.height:
        return ["沒有畫面，無法量測"], ""
    pixels, fps, wrong = stream.width * stream.height, health.condition.fps, []
    if stream.height < asked.height:
        wrong.append(f"畫面高度 {stream.height}，應為 {asked.height} 以上")
    if pixels < asked.pixels:
        wrong.append(f"每張圖像 {stream.width}×{stream.height}＝{pixels:,} 圖素，應為 {asked.pixels:,} 以上")
    if fps is None:
        wrong.append("每秒張數尚未量測")
    elif fps < asked.fps * (1 - FPS_SLACK):
        wrong.append(f"每秒 {fps:.1f} 張，應為 {asked.fps:g} 張以上")
    colour, grey = _colour(eye)
    if asked.colour and grey:
        wrong.append(grey)
    rate = "每秒張數未知" if fps is None else f"每秒 {fps:.1f} 張"
    return wrong, f"{stream.width}×{stream.height}（{pixels:,} 圖素），{rate}，{stream.video}，{colour}"


def _colour(eye: MediaHealth | None) -> tuple[str, str]:
    """What was seen of colour, and what is wrong with it. Grey at night is no fault."""
    if eye is None or not eye.at_ms:
        return "色彩未知", "色彩尚未量測"
    if eye.day is False:
        return "夜間紅外線，無色彩", ""
    if any(one.fault is MediaFault.COLOURLESS for one in eye.findings) or (eye.colour is False and eye.day):
        return "日間無色彩", "日間畫面沒有色彩，應以彩色為主"
    if eye.colour is None:
        return "色彩未知", "色彩尚未量測"
    return ("彩色", "") if eye.colour else ("無色彩", "畫面沒有色彩，日夜尚未判定")


def sound(_clause: ProfileClause, facts: Facts) -> Outcome:
    """Of cameras at duty desks."""
    desks = [camera for camera in facts.seen.config.cameras if camera.duty_desk]
    if not desks:
        nobody = "設定中沒有標示值勤臺或受理民眾報案地點的攝影機（duty_desk），請查核是否確無"
        return Outcome(ClauseStatus.BY_HAND, (), (nobody,))
    faults: list[str] = []
    evidence: list[str] = []
    unknown = False
    for camera in desks:
        wrong, told, doubtful = _sound(camera, facts)
        faults += [f"{named(camera)}：{one}" for one in wrong]
        evidence += [f"{named(camera)}：{one}" for one in told]
        unknown = unknown or doubtful
    if unknown and not faults:
        return Outcome(ClauseStatus.BY_HAND, (), tuple(evidence))
    return judged(faults, evidence)


def _sound(camera: CameraConfig, facts: Facts) -> tuple[list[str], list[str], bool]:
    """What is wrong, what was measured, and whether some of it cannot be."""
    if not camera.enabled:
        return ["已停用，沒有錄影及錄音"], [], False
    health, ear = facts.seen.health.get(camera.id), facts.seen.judged.get(camera.id)
    if health is None or health.stream is None:
        return ["沒有訊號，無法量測"], [], False
    if not health.stream.audio:
        return ["沒有錄音"], [], False
    if ear is None or ear.sound_db is None:
        return ["音量尚未量測"], [f"錄音 {health.stream.audio}"], False
    wrong = [_UNHEARD[one.fault] for one in ear.findings if one.fault.of_sound]
    if ear.drift_ms is not None and abs(ear.drift_ms) >= DRIFT_MS and _UNHEARD[MediaFault.DRIFT] not in wrong:
        wrong.append(f"聲音與畫面相差 {abs(ear.drift_ms) / 1000:.2f} 秒，應小於 {DRIFT_MS / 1000:g} 秒")
    if ear.drift_ms is None:
        drift = "聲音與畫面的時間差無法量測，請人工查核"
    else:
        drift = f"聲音與畫面相差 {abs(ear.drift_ms) / 1000:.2f} 秒"
    return wrong, [f"錄音 {health.stream.audio}，音量 {ear.sound_db:.0f} dBFS，{drift}"], ear.drift_ms is None
