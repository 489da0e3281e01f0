"""`edgectl verify` where nothing can be checked: one sentence, or one document, and the exit code of wrong usage."""

from __future__ import annotations

from pathlib import Path

import pytest

from edged.cli import main as edgectl
from edged.documents.site import Error
from edged.evidence.verify import LIST
from edged.words import exit_codes


def refused(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What it says, alike to a person and to a program."""
    assert edgectl.main(["verify", *arguments]) == exit_codes.USAGE
    told = capfd.readouterr()
    assert (told.out, told.err.count("\n"), "usage:" in told.err) == ("", 2, False)
    assert edgectl.main(["verify", *arguments, "--json"]) == exit_codes.USAGE
    document = Error.model_validate_json(capfd.readouterr().out)
    assert document.error in told.err
    return document.error


def test_what_is_not_there(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "neither a folder nor a file" in refused(capfd, str(tmp_path / "nowhere"))
    assert "neither a folder nor a file" in refused(capfd, "/dev/null")


def test_a_stick_with_several_exports_on_it(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name / LIST).parent.mkdir(parents=True)
        (tmp_path / name / LIST).write_text("{}")
    assert refused(capfd, str(tmp_path)).endswith("is no export, but holds 2 exports: one, other")
    (tmp_path / LIST).parent.mkdir()
    assert edgectl.main(["verify", str(tmp_path)]) == exit_codes.FAILED, "a list that was taken away is a fault"


def test_a_key_that_is_none(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "neither a fingerprint of 64 digits nor a file" in refused(capfd, str(tmp_path), "--key", "1234")
    (tmp_path.parent / "key").write_text("none")
    assert "holds no fingerprint" in refused(capfd, str(tmp_path), "--key", str(tmp_path.parent / "key"))
