"""Calendars as files: what can be read counts, and a file that cannot is told and stops nothing."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from edged.config.load import check, load
from edged.office import calendars
from edged.words.catalogue import Reader
from storage.words.message import Message
from tests.support.configuration import Setup
from tests.unit.edged.office.test_legal_days import csv_of, rows


def configured(folder: Path, *names: str) -> Path:
    """It names these, of which 2025 and 2026 are there."""
    for year in (2025, 2026):
        (folder / f"{year}.csv").write_bytes(csv_of(rows(year)))
    (folder / "again.csv").write_bytes(csv_of(rows(2026)))
    (folder / "text.csv").write_text("行事曆")
    named = ", ".join(f'"{name}"' for name in names)
    path = folder / "edged.toml"
    setup = Setup([], more=f"[office]\ncalendars = [{named}]\n")
    path.write_text(setup.toml(state=folder / "state", socket=folder / "socket", volume=folder / "volume"))
    return path


def test_names_are_relative_to_the_directory_of_the_configuration(tmp_path: Path) -> None:
    calendar, faults = calendars.read(load(configured(tmp_path, "2025.csv", "2026.csv"), {}).office.calendars)
    assert calendar.years == {2025, 2026}
    assert not faults
    assert not calendar.is_working(date(2026, 2, 16))


def test_a_file_that_cannot_be_read_is_a_warning_and_keeps_nothing_from_starting(tmp_path: Path) -> None:
    path = configured(tmp_path, "2025.csv", "none.csv", "2026.csv", "again.csv", "text.csv", ".")
    calendar, faults = calendars.read(load(path, {}).office.calendars)
    assert calendar.years == {2025, 2026}
    assert [fault.index for fault in faults] == [1, 3, 4, 5]
    problems, warnings = check(path, {}, warn=calendars.warn)
    assert problems == []
    told = {one.key: one.problem for one in warnings if one.key.startswith("office.")}
    assert told == {f"office.calendars[{fault.index}]": fault.said for fault in faults}
    assert told["office.calendars[1]"] == f"{tmp_path / 'none.csv'} cannot be read: No such file or directory"
    assert told["office.calendars[3]"].endswith("is not taken: there are two files of 2026")
    for said in (*told.values(), calendars.INSTEAD):
        assert isinstance(said, Message)
        assert "行政" in Reader("zh_TW")(said) or "行事曆" in Reader("zh_TW")(said)
