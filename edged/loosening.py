"""A configuration as bounds, bounds as a configuration, and what would be loosened in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from edged import units
from edged.config_model import CameraRetention, Config, Retention
from storage.model import Bounds
from storage.ring.agreed import Agreed, Loosening, What

_SECOND: Final = timedelta(seconds=1)


def wished_by(config: Config) -> Agreed:
    """What a configuration says of retention."""
    default = config.retention
    site = Bounds(default.min // _SECOND, default.max // _SECOND)
    cameras = {camera.id: config.bounds(camera.id) for camera in config.cameras}
    return Agreed(site, cameras, default.on_full == "overwrite")


def under(config: Config, held: Agreed) -> Config:
    """The configuration with these bounds in place of its own."""
    if held == wished_by(config):
        return config
    site = Retention(**_pair(held.site), on_full="overwrite" if held.overwrite else "stop")
    cameras = [
        camera.model_copy(update={"retention": CameraRetention(**_pair(held.cameras[camera.id]))})
        for camera in config.cameras
    ]
    return config.model_copy(update={"retention": site, "cameras": cameras})


def sentence(waiting: Sequence[Loosening]) -> str:
    """What would be done, as the second person reads it."""
    return "; ".join(map(_words, waiting))


def _words(one: Loosening) -> str:
    if one.what is What.OVERWRITE:
        return 'destroy footage below its floor where nothing else makes room (on_full = "overwrite")'
    how, whose = "lower" if one.what is What.FLOOR else "raise", f"camera {one.camera}" if one.camera else "the site"
    held, wished = (units.format_duration(timedelta(seconds=s)) for s in (one.holds_s, one.wished_s))
    return f"{how} the {one.what} of {whose} from {held} to {wished}"


def _pair(bounds: Bounds) -> dict[str, timedelta]:
    return {"min": timedelta(seconds=bounds.floor_s), "max": timedelta(seconds=bounds.ceiling_s)}
