"""Where passwords and keys come from: a systemd credential or a file, never the configuration itself.

Imports pydantic's SecretStr, edged.host.accounts and what makes messages. A secret leaves here only inside a
SecretStr, so that repr, str, logs and dumps show stars; whoever needs the word itself calls `get_secret_value()` at the
last moment. No message made here repeats what a file contains.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from edged.host import accounts
from storage.words.errors import said
from storage.words.message import NOTHING, Message, message

CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"
"""Set by systemd for units with LoadCredential= or SetCredential=."""
MAX_SECRET_BYTES: Final = 1_024
"""Longer than any camera accepts; a larger file is the wrong file, and a message to a worker must stay small."""


class SecretError(Exception):
    """Why there is no secret, and what to do. Never what the file holds."""

    def __init__(self, problem: Message, instead: Message) -> None:
        super().__init__(f"{problem}; {instead}")
        self.problem = problem
        self.instead = instead


@dataclass(frozen=True, slots=True)
class FoundSecret:
    """A secret, and what is odd about the place it came from (nothing if nothing is)."""

    value: SecretStr
    warning: Message = NOTHING
    instead: Message = NOTHING


def credential(name: str, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where systemd has put the credential of that name; None where it has handed over none."""
    credentials = environ.get(CREDENTIALS_VARIABLE, "")
    place = Path(credentials) / name
    return place if credentials and place.exists() else None


def find(name: str, directory: Path, environ: Mapping[str, str] = os.environ) -> FoundSecret:
    """The secret called `name`: the systemd credential of that name first, else the file, relative to `directory`."""
    if "/" not in name and name not in ("", ".", "..") and (place := credential(name, environ)) is not None:
        return FoundSecret(_value(_read(place)[0], place))
    path = directory / name
    data, mode = _read(path)
    value = _value(data, path)
    if mode & stat.S_IROTH:
        warning = message("config.secret-open", "everybody on this machine can read {path}", path=str(path))
        return FoundSecret(value, warning, Message(f"chmod o= {path}"))
    return FoundSecret(value)


def _read(path: Path) -> tuple[bytes, int]:
    """Contents and mode. Opened without blocking, because a FIFO with nobody behind it must not hold up the start."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        raise SecretError(
            message("config.secret-absent", "there is no file {path}", path=str(path)),
            message("config.secret-absent.instead", "write the password into it, or name the file that has it"),
        ) from None
    except PermissionError:
        raise SecretError(
            message(
                "config.secret-barred",
                "{path} may not be read by the account {account}",
                path=str(path),
                account=accounts.account(os.geteuid()).name,
            ),
            accounts.otherwise(
                message(
                    "config.secret-barred.instead",
                    "let the account that runs edged read it: chown root:edged {path}; chmod 640 {path}",
                    path=str(path),
                )
            ),
        ) from None
    except (OSError, ValueError) as error:
        unusable = message("config.file-name", "not a usable file name")
        reason = said(error) if isinstance(error, OSError) else unusable
        raise SecretError(
            message("config.secret-unopened", "{path} cannot be opened: {reason}", path=str(path), reason=reason),
            message("config.secret-unopened.instead", "name a readable file"),
        ) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SecretError(
                message("config.secret-no-file", "{path} is not a file", path=str(path)),
                message("config.secret-no-file.instead", "name a file that holds the password on its only line"),
            )
        return os.read(descriptor, MAX_SECRET_BYTES + 1), status.st_mode
    except OSError as error:
        raise SecretError(
            message("config.secret-unread", "{path} cannot be read: {reason}", path=str(path), reason=said(error)),
            message("config.secret-unread.instead", "check the disk it lies on"),
        ) from None
    finally:
        os.close(descriptor)


def _value(data: bytes, path: Path) -> SecretStr:
    if len(data) > MAX_SECRET_BYTES:
        raise SecretError(
            message(
                "config.secret-long", "{path} is longer than {limit} bytes", path=str(path), limit=MAX_SECRET_BYTES
            ),
            message("config.secret-long.instead", "name a file that holds only the password"),
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SecretError(
            message("config.secret-not-text", "{path} is not UTF-8 text", path=str(path)),
            message("config.secret-not-text.instead", "save the file as plain text"),
        ) from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise SecretError(
            message("config.secret-empty", "{path} is empty", path=str(path)),
            message("config.secret-empty.instead", "write the password into it"),
        )
    if not text.isprintable():
        raise SecretError(
            message(
                "config.secret-lines",
                "{path} has more than one line, or characters that cannot be typed",
                path=str(path),
            ),
            message("config.secret-lines.instead", "put the password on one line, alone"),
        )
    return SecretStr(text)
