"""The `[[cameras]]` table for a camera that was looked at: valid TOML to paste, without a password. Pure."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from edged.config_model import MAX_ID
from edged.config_types import near_identifier
from edged.defaults import DEFAULT_CONFIG
from recorder.survey.look import Found

MODE: Final = "owner root, group edged, mode 640"


def table(url: str, username: str, password_file: Path | None, found: Found) -> str:
    """Lines of TOML. What was not measured is left out rather than guessed."""
    name = suggested(url)
    lines = ["[[cameras]]", f"id = {_text(name)}", f"url = {_text(url)}"]
    if username:
        lines.append(f"username = {_text(username)}")
        lines.append(f"password_file = {_text(_named(name, password_file))}  # {MODE}")
    if found.certificate:
        lines.append(f"certificate = {_text(found.certificate)}")
    if expected := _expected(found):
        lines.append(f"expect = {{ {', '.join(expected)} }}")
    return "\n".join(lines) + "\n"


def suggested(url: str) -> str:
    """An id for a camera, out of its address: "cam-10-0-0-20-201" for channel 201 of a recorder."""
    parts = urlsplit(url)
    if parts.scheme == "test":
        return "test"
    host = parts.hostname or ""
    name = f"cam-{host}" if re.fullmatch(r"[0-9.]+|.*:.*", host) else host.partition(".")[0]
    numbers = "-".join(re.findall(r"\d+", f"{parts.path}?{parts.query}"))
    lead = near_identifier(name, MAX_ID) or "camera"
    return near_identifier(f"{lead[: MAX_ID - len(numbers) - 1]}-{numbers}" if numbers else lead, MAX_ID)


def _named(name: str, password_file: Path | None) -> str:
    """The file as the configuration would name it. One from elsewhere may be closed to the account of edged."""
    here = DEFAULT_CONFIG.parent
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


def _text(value: str) -> str:
    """A JSON string is a TOML string, but for DEL, which nobody can type into an address."""
    return json.dumps(value, ensure_ascii=False)
