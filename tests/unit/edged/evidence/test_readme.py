"""What a police officer reads first: dates of the Republic, the case, commands that Windows knows."""

from __future__ import annotations

from pathlib import Path

from edged.documents.exports import Manifest
from edged.evidence import export_manifest, folder
from tests.integration.edged.evidence import exports


def written(tmp_path: Path, **changes: object) -> str:
    made = exports.genuine(tmp_path)
    return folder.readme(Manifest.model_validate(made.manifest | changes)).decode("utf-8-sig").replace("\r\n", "\n")


def test_it_tells_what_was_copied_in_both_languages(tmp_path: Path) -> None:
    text = written(tmp_path, request={"text": "北市警刑字第1150042號", "salt": "00" * 32})
    case = exports.TOLD["case"]
    for line in (
        "錄影時段　民國115年5月1日 08:00:00 至 民國115年5月1日 08:00:18（Asia/Taipei）",
        f"案號　　　{case}",
        "來文字號　北市警刑字第1150042號",
        f"Case      {case}",
        "Request   北市警刑字第1150042號",
    ):
        assert line in text.splitlines()
    chinese, english = text.split("-" * 88)
    assert "T0" not in text
    assert "2026-" not in chinese
    assert "民國" not in english
    assert "拖進視窗" in chinese
    assert "drag verify.py" in english


def test_nothing_that_lies_in_the_folder_is_run_by_following_it(tmp_path: Path) -> None:
    """`py -m` imports from where it stands, and Windows runs a py.exe that lies there."""
    chinese, english = written(tmp_path).split("-" * 88)
    for text, place in ((chinese, "不要在本資料夾內開啟"), (english, "not in this\n   folder")):
        assert text.index(place) < text.index("py -m pip install")
        assert "py verify.py" not in text


def test_what_was_not_said_has_no_line(tmp_path: Path) -> None:
    text = written(tmp_path, request=None, case=None)
    assert "來文字號" not in text
    assert "Case " not in text


def test_it_tells_the_request_by_which_it_was_made(tmp_path: Path) -> None:
    text = written(tmp_path, office_request="115-0007", office_row="P-public").splitlines()
    assert "申請案號　115-0007（P-public）" in text
    assert "Granted   115-0007（P-public）" in text
    assert "申請案號" not in written(tmp_path / "other")


def test_a_list_without_a_request_is_as_it_was_before_there_were_any(tmp_path: Path) -> None:
    made = exports.genuine(tmp_path)
    listed = export_manifest.rendered(Manifest.model_validate(made.manifest))
    assert listed == export_manifest.canonical(made.manifest)
    assert b"office_" not in listed
