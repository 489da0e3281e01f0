"""A bare Debian with nothing but python3 and python3-cryptography and what these depend on: where a copy is checked.

Made of Debian's own packages as this machine's apt gets them, once, into a cache in the temporary directory; unpacked,
with no script run. What is called there sees no network, no /proc, no device, and one folder that cannot be written.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PACKAGES: Final = ("base-files", "python3", "python3-cryptography")
FOLDER: Final = "/mnt"
PATIENCE_S: Final = 600.0
PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
_ENTER: Final = (
    f'mount --bind "$1" "$0{FOLDER}" && mount -o remount,ro,bind "$0{FOLDER}" && shift && exec chroot "$0" "$@"'
)


class NoDebian(Exception):
    """It cannot be made here, and why."""


@dataclass(frozen=True, slots=True)
class BareDebian:
    """Its root directory."""

    root: Path

    @property
    def release(self) -> dict[str, str]:
        """What /etc/os-release says of it."""
        lines = (self.root / "usr/lib/os-release").read_text().splitlines()
        return {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}

    def run(self, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """A program of its own, which finds `folder` at `FOLDER`."""
        return subprocess.run(
            ["unshare", "--mount", "--net", "sh", "-c", _ENTER, str(self.root), str(folder), *words],
            capture_output=True, text=True, timeout=PATIENCE_S, check=False, env={"PATH": PATH, "LANG": "C.UTF-8"},
        )  # fmt: skip


def made() -> BareDebian:
    """The cached one, made now if nobody did before. NoDebian."""
    missing = [tool for tool in ("apt-get", "dpkg-deb", "unshare", "chroot") if shutil.which(tool, path=PATH) is None]
    if missing or os.geteuid() != 0:
        raise NoDebian(f"a bare Debian is made and entered by root of a Debian: {', '.join(missing) or 'not root'}")
    entered = subprocess.run(["unshare", "--mount", "--net", "true"], capture_output=True, text=True, check=False)
    if entered.returncode != 0:  # in a chroot, say, whose root is no mount of its own
        raise NoDebian(f"it cannot be entered here: {entered.stderr.strip()}")
    root = Path(tempfile.gettempdir()) / f"edged-test-debian-{os.getuid()}"
    if not root.is_dir():
        with tempfile.TemporaryDirectory(dir=root.parent, prefix=f"{root.name}.") as draft:
            _make(Path(draft))
            try:
                (Path(draft) / "root").rename(root)
            except OSError:
                if not root.is_dir():  # else another run was faster
                    raise
    return BareDebian(root)


def _make(draft: Path) -> None:
    packages, root = draft / "archives", draft / "root"
    for folder in (packages / "partial", root / FOLDER.lstrip("/")):
        folder.mkdir(parents=True)
    _run(
        *("apt-get", "-q", "-y", "--no-install-recommends", "--download-only"),
        *("-o", "Dir::State::status=/dev/null", "-o", f"Dir::Cache::archives={packages}/", "-o", "Debug::NoLocking=1"),
        *("install", *PACKAGES),
    )
    for package in sorted(packages.glob("*.deb")):
        _run("dpkg-deb", "-x", str(package), str(root))


def _run(*words: str) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        raise NoDebian(f"{words[0]} did not end within {PATIENCE_S:g} s: is there a network?") from None
    if done.returncode:
        raise NoDebian(f"{words[0]} failed: {(done.stderr or done.stdout).strip()[-300:]}")
