"""Calls programs of the system: without a shell, in English and UTC, of the system alone, with a deadline."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WITHIN_S: Final = 5.0
ENVIRONMENT: Final = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_COLORS": "0"}
"""Nothing of the caller's: a technician's PATH must not say what root runs."""


@dataclass(frozen=True, slots=True)
class Output:
    code: int
    out: str


class NoAnswer(Exception):
    """It is not installed, or did not answer; in words."""


def run(*command: str, within_s: float = WITHIN_S) -> Output:
    """Standard output and exit code, whatever that is. `Unasked`."""
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=within_s, check=False, env=ENVIRONMENT,
        )  # fmt: skip
    except FileNotFoundError:
        raise NoAnswer(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"{command[0]} did not answer within {within_s:g} s") from None
    except OSError as error:
        raise NoAnswer(f"{command[0]} cannot be run ({error.strerror})") from None
    return Output(done.returncode, done.stdout.decode("utf-8", "replace"))


def fields(text: str, separator: str = "=") -> dict[str, str]:
    """Lines of key=value, as systemd's programs print them."""
    pairs: Sequence[tuple[str, str, str]] = [line.partition(separator) for line in text.splitlines()]
    return {key.strip(): value.strip() for key, sign, value in pairs if sign}
