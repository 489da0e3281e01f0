"""`man` shows the manual without a complaint, and a real bash completes what can be typed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from typing import Final

import pytest

from edged.cli.main import VERBS
from script.generate import completion
from script.generate.manual import pages

ROOT: Final = Path(__file__).parents[4]
PAGES: Final = pages(ROOT / "docs", "0.0.0")
NOBODY_S: Final = 60.0
"""A Python that starts on a busy machine."""
needs_man: Final = pytest.mark.skipif(shutil.which("man") is None, reason="man-db is not installed")


def shown(page: str) -> subprocess.CompletedProcess[str]:
    """As `man` shows it on 80 columns of UTF-8, and what it complains of."""
    plain = {"LC_ALL": "C.UTF-8", "MANWIDTH": "80", "MANPAGER": "cat", "MANROFFSEQ": ""}
    return subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", "-"],
        input=page, capture_output=True, text=True, check=False, timeout=NOBODY_S, env={**os.environ, **plain},
    )  # fmt: skip


@needs_man
@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_shown_without_a_warning(name: str) -> None:
    done = shown(PAGES[name])
    assert (done.returncode, done.stderr) == (0, "")
    title, _, section = name.rpartition(".")
    assert done.stdout.startswith(f"{title.upper()}({section})")
    for heading in ("NAME", "DESCRIPTION" if section in "57" else "SYNOPSIS", "SEE ALSO"):
        assert re.search(rf"^{heading}$", done.stdout, re.MULTILINE), heading


@needs_man
def test_a_page_that_is_wrong_is_complained_of() -> None:
    """Negative control: a macro that does not exist."""
    assert shown(PAGES["edgectl.1"] + "\n.XYZ\n").stderr


@needs_man
def test_what_is_copied_from_the_page_is_what_was_meant() -> None:
    """A hyphen that is none, or a curly quote, is a command that the shell does not understand at 3 a.m."""
    text = shown(PAGES["edged.toml.5"]).stdout
    assert 'username = "viewer"' in text
    assert "--config FILE" in text
    assert "edgectl segments --camera lobby --from -2h" in shown(PAGES["edgectl-segments.1"]).stdout + " ".join(
        shown(PAGES["edgectl.1"]).stdout.split()
    )


# Completion


class Answering(BaseHTTPRequestHandler):
    """A daemon with two cameras."""

    def do_GET(self) -> None:
        body = json.dumps({"cameras": [{"id": "lobby"}, {"id": "loading"}, {"id": "gate"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return ""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(name="answering")
def _answering(tmp_path: Path) -> Iterator[Path]:
    with UnixStreamServer(str(tmp_path / "s"), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield tmp_path / "s"
        server.shutdown()
        thread.join()


@pytest.fixture(name="bin_", scope="module")
def _bin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs as an installation has them in the PATH, and what bash reads."""
    place = tmp_path_factory.mktemp("bin")
    for program, entry in (("edgectl", "ctl"), ("edged", "daemon"), ("edged-command", "command")):
        file = place / program
        file.write_text(f"#!{sys.executable}\nimport sys\nfrom edged.main.entry import {entry}\nsys.exit({entry}())\n")
        file.chmod(0o755)
    for program, script in completion.scripts().items():
        (place / f"{program}.bash").write_text(script)
    return place


def completed(bin_: Path, *words: str) -> list[str]:
    """What bash offers after these words, the last of which is being typed."""
    function = f"_{words[0].replace('-', '_')}_completion"
    script = (
        f'. "$0" && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && {function} "$1" && printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(
        ["bash", "-c", script, str(bin_ / f"{words[0]}.bash"), *words],
        capture_output=True, text=True, check=False, timeout=NOBODY_S,
        env={**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("edgectl st", ["status"]),
        ("edgectl fsck --level ", ["presence", "size", "hash"]),
        ("edgectl volume re", ["replace", "retire"]),
        ("edgectl status --w", ["--watch"]),
        ("edged d", ["demo"]),
        ("edged-command send al", ["alarm-ack"]),
        ("edgectl --config /nowhere segments --camera ", []),
    ],
)
def test_bash_completes(bin_: Path, words: str, offered: list[str]) -> None:
    """And says nothing else, also where there is no daemon and no configuration."""
    assert sorted(completed(bin_, *words.split(" "))) == sorted(offered)


def test_bash_completes_every_verb(bin_: Path) -> None:
    assert completed(bin_, "edgectl", "") == list(VERBS)


def test_bash_completes_cameras_that_the_daemon_knows(bin_: Path, answering: Path) -> None:
    given_ = ("edgectl", "--socket", str(answering))
    assert completed(bin_, *given_, "gaps", "--camera", "lo") == ["lobby", "loading"]
    assert completed(bin_, *given_, "snapshot", "g") == ["gate"]
