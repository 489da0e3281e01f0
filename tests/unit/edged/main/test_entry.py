"""`edged` and `edgectl` under a Python that cannot run them say so in a sentence, without a traceback."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from edged.documents import site as documents
from edged.main import entry
from edged.words import exit_codes

ROOT: Final = Path(__file__).resolve().parents[4]
OLD: Final = "sys.version_info = (3, 9, 2, 'final', 0)"


def started(program: str, *words: str, before: str = "pass") -> subprocess.CompletedProcess[str]:
    """With the standard library alone (-S: no site-packages)."""
    function = {"edged": "daemon", "edgectl": "ctl"}[program]
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {before}; from edged.main.entry import {function} as run"
    command = [sys.executable, "-I", "-S", "-c", f"{code}; sys.exit(run())", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("program", ["edged", "edgectl"])
@pytest.mark.parametrize(
    ("before", "says"),
    [("pass", "cannot use its libraries in"), (OLD, "needs Python 3.11 or newer, and")],
    ids=["without its libraries", "too old"],
)
def test_a_python_that_cannot_run_it_is_told_in_one_line(program: str, before: str, says: str) -> None:
    ended = started(program, before=before)
    assert (ended.returncode, ended.stdout) == (exit_codes.FAILED, "")
    assert ended.stderr.startswith(f"{program}: {says} {sys.executable}")
    assert ended.stderr.endswith("script/setup run\n")
    assert ended.stderr.count("\n") == 1


def test_a_program_that_asks_gets_a_document_and_monitoring_the_verdict_unknown() -> None:
    ended = started("edgectl", "status", "--check", "--json")
    document = documents.Error.model_validate(json.loads(ended.stdout))
    assert ended.returncode == document.exit == 3
    assert "click" in document.error


def test_what_is_wrong_with_our_own_modules_is_not_taken_for_a_missing_library() -> None:
    ended = started("edgectl", before="sys.modules['edged.cli.main'] = None")
    assert "Traceback" in ended.stderr


def test_the_entry_can_be_read_by_an_old_python() -> None:
    ast.parse(Path(entry.__file__).read_text("utf-8"), feature_version=(3, 7))
