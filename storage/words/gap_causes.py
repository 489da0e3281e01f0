"""What each cause of a gap (錄影中斷) means, in the words that evidence uses (`edged.evidence.verify`). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from storage.words.message import Message, message
from storage.words.model import GapCause

CAUSES: Final[Mapping[GapCause, Message]] = {
    GapCause.STARTING: message("gap.starting", "recording had just started"),
    GapCause.UNREACHABLE: message("gap.unreachable", "the camera could not be reached"),
    GapCause.REFUSED: message("gap.refused", "the camera refused"),
    GapCause.UNAUTHORISED: message("gap.unauthorised", "the camera did not accept the password"),
    GapCause.UNTRUSTED: message("gap.untrusted", "the camera's certificate was not trusted"),
    GapCause.NO_SUCH_STREAM: message("gap.no-such-stream", "the camera has no such stream"),
    GapCause.UNSUPPORTED: message("gap.unsupported", "the pictures were of an unknown kind"),
    GapCause.STALLED: message("gap.stalled", "the camera sent no pictures"),
    GapCause.DROPPED: message("gap.dropped", "the connection broke"),
    GapCause.NO_KEYFRAME: message("gap.no-keyframe", "no complete picture came"),
    GapCause.BAD_DATA: message("gap.bad-data", "the camera sent bad data"),
    GapCause.WORKER_CRASH: message("gap.worker-crash", "the recording program failed"),
    GapCause.DAEMON_STOPPED: message("gap.daemon-stopped", "recording was stopped"),
    GapCause.DAEMON_CRASH: message("gap.daemon-crash", "the recording service failed"),
    GapCause.POWER_LOSS: message("gap.power-loss", "power was lost"),
    GapCause.DISK_FULL: message("gap.disk-full", "the disk was full"),
    GapCause.FLOOR_PROTECT: message("gap.floor-protect", "older footage had to be kept"),
    GapCause.IO_ERROR: message("gap.io-error", "the disk failed"),
    GapCause.CLOCK_STEP: message("gap.clock-step", "the clock was set"),
    GapCause.DISABLED: message("gap.disabled", "the camera was switched off"),
    GapCause.RELOAD: message("gap.reload", "settings were changed"),
    GapCause.MAINTENANCE: message("gap.maintenance", "maintenance was under way"),
    GapCause.UNKNOWN: message("gap.unknown", "nobody knows why"),
}
