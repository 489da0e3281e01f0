"""A bare Debian 12 that boots a real systemd, on disks of its own that can fill up and lose their power. Root only.

Its base, what `debootstrap` makes and no package more than a console and systemd need, is made once and kept in
/var/tmp; minutes from nothing, seconds from then on. Each box is a copy of it in an ext4 image, with a second one at
/srv/edged, booted by `systemd-nspawn`. Package sources, certificates and pip's settings are this machine's own. The
network is this machine's, too: only disks, processes and accounts are the box's.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from tests.support.disks import Ext4, may_mount
from tests.support.rtsp_server import REPOSITORY
from tests.support.waiting import wait_until

T = TypeVar("T")

PROGRAMS: Final = ("systemd-nspawn", "debootstrap", "nsenter", "mkfs.ext4", "losetup", "apt-get")
PACKAGES: Final = ("ca-certificates", "dbus", "systemd", "systemd-sysv")
"""Beside what dpkg and apt need: what a Debian has that was installed without asking for anything."""
CACHE: Final = Path("/var/tmp", f"edged-test-booted-{os.getuid()}.tar")
MAKING_S: Final = 1200.0
BOOT_S: Final = 60.0
REBOOT: Final = 133
"""systemd-nspawn's exit code with --keep-unit: whoever keeps the unit is to start it again."""
CALL_S: Final = 600.0
SYSTEM_BYTES: Final = 4 << 30
"""Three versions of edged with their libraries, and as much again; sparse."""
FOOTAGE_BYTES: Final = 96 << 20
PROJECT: Final = "/root/project"
VOLUME: Final = "srv/edged"
_WITH_ITS_OWN_DISKS: Final = """
findmnt --noheadings --raw --types ext4 --output SOURCE,TARGET | while read -r source target; do
    case $source in "$1" | "$2") ;; /dev/loop*) umount --lazy "$target" ;; esac
done
shift 2
exec "$@"
"""
"""systemd-nspawn keeps what is mounted when it begins, out of sight, for as long as its box runs: without this, a disk
of a test beside it that was taken away would stay held until then."""
_OF_THIS_MACHINE: Final = ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
_ENVIRONMENT: Final = {
    "HOME": "/root",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "PIP_CERT": "/etc/ssl/certs/ca-certificates.crt",
}


class NoBoot(Exception):
    """It cannot be booted here, and why."""


def base() -> Path:
    """The base as a tar file, made now if this machine has none yet. Raises `NoBoot`."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing or not may_mount():
        raise NoBoot(f"needs root, loop devices and script/setup test: {', '.join(missing) or 'not root'}")
    if CACHE.exists():
        return CACHE
    with tempfile.TemporaryDirectory(dir=CACHE.parent, prefix=f"{CACHE.name}.") as draft:
        made = Path(draft, "root")
        included = f"--include={','.join(PACKAGES)}"
        _run(["debootstrap", "--variant=minbase", included, "bookworm", str(made), _mirror()], MAKING_S)
        shutil.rmtree(made / "var/cache/apt/archives")
        _run(["tar", "-C", str(made), "-cf", f"{draft}/base.tar", "."], MAKING_S)
        Path(draft, "base.tar").rename(CACHE)
    return CACHE


def _mirror() -> str:
    """Where this machine's apt has its packages from."""
    told = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Codename: bookworm", "Created-By: Packages"])
    if not told.split():
        raise NoBoot("this machine's apt knows no source of Debian 12: apt-get update")
    return told.split()[0]


class Booted:
    """Context manager: one box, running, with the project at `PROJECT` and nothing of it installed."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "box"
        self.system = Ext4(self.root, SYSTEM_BYTES)
        self.footage = Ext4(folder / "footage", FOOTAGE_BYTES)
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = 0
        self._log = folder / "nspawn.log"
        self._disks = ExitStack()

    def __enter__(self) -> Self:
        archive = base()
        with ExitStack() as undone:
            undone.enter_context(self.system)
            undone.enter_context(self.footage)
            _run(["tar", "-C", str(self.root), "-xf", str(archive)])
            self._make_at_home()
            self.copy_project(PROJECT)
            self._attach()
            self.boot()
            self._disks = undone.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()
        with self._disks:
            _run(["umount", "-l", str(self.root / VOLUME)])

    def _make_at_home(self) -> None:
        """Settings of this machine, read when needed and kept nowhere else."""
        for name in _OF_THIS_MACHINE:
            if Path(name).exists():
                target = self.root / name.lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(Path(name).read_bytes())
        (self.root / "etc/dpkg/dpkg.cfg.d/of-tests").write_text("force-unsafe-io\n")  # no sync for each package
        (self.root / "etc/apt/sources.list").unlink(missing_ok=True)
        for pattern in ("sources.list.d/*.sources", "apt.conf.d/*"):
            for file in Path("/etc/apt").glob(pattern):
                shutil.copy(file, self.root / "etc/apt" / file.parent.name)

    def copy_project(self, where: str) -> Path:
        """This working tree without what git ignores, whether git is there or not; the folder as seen from here."""
        target = self.root / where.lstrip("/")
        ignored = (REPOSITORY / ".gitignore").read_text("utf-8").replace("/", "").split()
        shutil.copytree(REPOSITORY, target, ignore=shutil.ignore_patterns(".git", *ignored))
        return target

    # Power

    def boot(self) -> None:
        """systemd says that it is up."""
        with self._log.open("ab") as log:
            self._nspawn = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", _WITH_ITS_OWN_DISKS, "sh", self.system.device, self.footage.device,
                 "setpriv", "--pdeathsig", "TERM", "systemd-nspawn", "--quiet", "--boot", "--register=no",
                 "--keep-unit", "--console=pipe", "--resolv-conf=off", "--timezone=off", f"--directory={self.root}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            wait_until(self._is_up, BOOT_S, "systemd is up", every_s=0.3)
        except AssertionError as late:
            self._kill()
            raise NoBoot(f"{late}; {self._log.read_text(errors='replace')[-500:]}") from None

    def _attach(self) -> None:
        (self.root / VOLUME).mkdir(parents=True, exist_ok=True)
        _run(["mount", "--bind", str(self.footage.path), str(self.root / VOLUME)])

    def _is_up(self) -> bool:
        if self._nspawn is None or self._nspawn.poll() is not None:
            raise NoBoot(f"systemd-nspawn ended: {self._log.read_text(errors='replace')[-500:]}")
        pid = self._nspawn.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not children or not _is_of_a_container(children[0]):
            return False
        self._leader = int(children[0])
        return self.call("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")

    def reboot(self) -> None:
        """In order, as a person does it."""
        self.call("systemctl", "reboot")
        assert self._nspawn is not None
        assert self._nspawn.wait(BOOT_S) == REBOOT, "systemd-nspawn says that the box wants to boot again"
        self._leader = 0
        self.boot()

    def cut_power(self) -> list[str]:
        """What was not synced is lost, and nobody was told. Returns what `fsck` says of both disks; then boots."""
        for disk in (self.footage, self.system):
            disk.die()
        self._kill()
        _run(["umount", "-l", str(self.root / VOLUME)])
        told = []
        for disk in (self.footage, self.system):
            disk.vanish()
            wait_until(lambda disk=disk: not disk.is_held, BOOT_S, "nobody holds the disk")  # type: ignore[misc]
            disk.mend()
            disk.vanish()
            wait_until(lambda disk=disk: not disk.is_held, BOOT_S, "nobody holds the disk")  # type: ignore[misc]
            told.append(_run(["fsck.ext4", "-f", "-n", disk.device]))
            disk.mount()
        self._attach()
        self.boot()
        return told

    def _kill(self) -> None:
        """As if it had never been; the box's first process goes with it, and with that all others."""
        if self._nspawn is not None:
            with contextlib.suppress(ProcessLookupError):
                if self._leader:
                    os.kill(self._leader, signal.SIGKILL)
            self._nspawn.kill()
            self._nspawn.wait()
            self._nspawn, self._leader = None, 0

    # Inside

    def call(self, *words: str, said: str | None = None, within_s: float = CALL_S) -> subprocess.CompletedProcess[str]:
        """Run by the box's root, in its namespaces."""
        return subprocess.run(
            ["nsenter", "--target", str(self._leader), "--all", "--", "/usr/bin/env", "--chdir=/root", *words],
            input=said, stdin=None if said is not None else subprocess.DEVNULL, env=_ENVIRONMENT,
            capture_output=True, text=True, timeout=within_s, check=False,
        )  # fmt: skip

    def must(self, *words: str, said: str | None = None) -> str:
        """The same, which succeeds; returns what it printed."""
        done = self.call(*words, said=said)
        assert done.returncode == 0, f"{' '.join(words)}: {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def asked(self, *words: str) -> Any:
        """What `edgectl … --json` prints; None where nothing answers."""
        done = self.call("edgectl", *words, "--json")
        return json.loads(done.stdout) if done.returncode == 0 else None

    def unit(self, name: str) -> str:
        """A property of edged.service."""
        return self.must("systemctl", "show", "edged", f"--property={name}", "--value").strip()

    def signal(self, number: signal.Signals, process: int) -> None:
        """Sent within the box; `process` as its own numbers go."""
        self.must("sh", "-c", f"kill -{number.name.removeprefix('SIG')} {process}")


def _is_of_a_container(process: str) -> bool:
    """And no step on the way to one; False for a process that is gone."""
    try:
        return Path(f"/proc/{process}/ns/pid").readlink() != Path("/proc/self/ns/pid").readlink()
    except OSError:
        return False


def _run(words: Sequence[str], within_s: float = CALL_S) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=within_s, check=False)
    except subprocess.TimeoutExpired:
        raise NoBoot(f"{words[0]} did not end within {within_s:g} s: is there a network?") from None
    if done.returncode:
        raise NoBoot(f"{words[0]} failed: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout
