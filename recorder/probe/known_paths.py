"""Where the large makes have their main stream: for a device that is there and does not know the path it was asked for.

Standard library only, pure. From the makers' manuals; `{}` is the channel, counted from 1.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

PATHS: Final = (
    "/Streaming/Channels/{}01",
    "/cam/realmonitor?channel={}&subtype=0",
    "/stream1",
    "/live",
    "/axis-media/media.amp",
    "/media/video1",
    "/profile1/media.smp",
    "/h264Preview_{:02}_main",
    "/live.sdp",
    "/onvif1",
    "/video1",
    "/ch{:02}/0",
    "/",
)
"""Hikvision, Dahua, TP-Link and others, Axis, Uniview, Hanwha, Reolink, Vivotek, Sony, Geovision, and what is there
where no path is named; the most frequent first, because a device is asked only for some seconds."""


def others(url: str) -> tuple[str, ...]:
    """Addresses of the same device to be tried instead of this one."""
    parts = urlsplit(url)
    named = parts.path + (f"?{parts.query}" if parts.query else "")
    channel = _channel(named)
    tried = (path.format(channel) for path in PATHS)
    return tuple(f"{parts.scheme}://{parts.netloc}{path}" for path in tried if path.rstrip("/") != named.rstrip("/"))


def _channel(path: str) -> int:
    """Which camera of a recorder a path means, as the makes write it; 1 where it does not say."""
    found = re.search(r"(?i)channels?[=/](\d{1,2})(?:0\d)?(?!\d)|(?<![a-z])ch(\d{1,2})(?!\d)", path)
    number = int(next(filter(None, found.groups()), "1")) if found else 1
    return number or 1
