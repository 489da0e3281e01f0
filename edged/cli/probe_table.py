"""The `[[cameras]]` table for a camera that was looked at: valid TOML to paste, without a password. Pure."""

from __future__ import annotations

import itertools
import json
import re
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from edged.config.model import MAX_ID
from edged.words.defaults import DEFAULT_CONFIG
from edged.words.value_types import near_identifier
from recorder.probe.run import Found
from recorder.words.address import RTSP_PORTS

MODE: Final = "owner root, group edged, mode 640"


def camera_table(
    url: str,
    username: str,
    password_file: Path | None,
    found: Found,
    taken: Collection[str] = (),
    here: Path = DEFAULT_CONFIG.parent,
) -> str:
    """Lines of TOML. What was not measured is left out rather than guessed."""
    name = suggested(url, taken)
    lines = ["[[cameras]]", f"id = {_toml_string(name)}", f"url = {_toml_string(url)}"]
    if username:
        lines.append(f"username = {_toml_string(username)}")
        lines.append(f"password_file = {_toml_string(_named(name, password_file, here))}  # {MODE}")
    if found.certificate:
        lines.append(f"certificate = {_toml_string(found.certificate)}")
    if expected := _expected(found):
        lines.append(f"expect = {{ {', '.join(expected)} }}")
    return "\n".join(lines) + "\n"


def suggested(url: str, taken: Collection[str] = ()) -> str:
    """An id for a camera, out of its address, that no other has: "cam-10-0-0-20-201" for channel 201 of a recorder.

    With the words of its path where there is room for them, else with all numbers in it, which are the channel's.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    name = f"cam-{host}" if re.fullmatch(r"[0-9.]+|.*:.*", host) else host.partition(".")[0]
    lead = "test" if parts.scheme == "test" else near_identifier(name, MAX_ID) or "camera"
    if parts.port not in (None, RTSP_PORTS.get(parts.scheme)):
        lead = f"{lead}-{parts.port}"
    path = "" if parts.scheme == "test" else f"{parts.path}?{parts.query}"
    tail = near_identifier(path, len(path))
    if len(lead) + len(tail) >= MAX_ID:
        tail = "-".join(re.findall("[0-9]+", path))
    if len(tail) > MAX_ID // 2:
        tail = f"{zlib.crc32(path.encode()):08x}"
    first = _joined(lead, tail)
    others = (_joined(first, str(number)) for number in itertools.count(2))
    return next(one for one in itertools.chain([first], others) if one not in taken)


def _joined(lead: str, tail: str) -> str:
    """The tail whole."""
    return f"{lead[: MAX_ID - len(tail) - 1].rstrip('-')}-{tail}" if tail else lead[:MAX_ID].rstrip("-")


def _named(name: str, password_file: Path | None, here: Path) -> str:
    """The file as the configuration there would name it. One from elsewhere may be closed to the account of edged."""
    if password_file is not None and password_file.is_relative_to(here):
        return str(password_file.relative_to(here))
    return f"{name}.password"


def _expected(found: Found) -> list[str]:
    measured = found.measured
    if not found.width or measured is None:
        return []
    lines = [f"width = {found.width}", f"height = {found.height}"]
    if measured.fps and measured.steady:
        rounded = round(measured.fps, 1)
        lines.append(f"fps = {rounded:g}")
    if found.sound and measured.sounds:
        lines.append("audio = true")
    return lines


def _toml_string(value: str) -> str:
    """A JSON string is a TOML string, but for DEL, which nobody can type into an address."""
    return json.dumps(value, ensure_ascii=False)
