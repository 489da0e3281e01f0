"""Whose results a row of the comparison shows, and what it divides by."""

from __future__ import annotations

from bench.comparison import EDGED, LINES, Line, Result, line_for, remarks, table

BY_NAME = {line.name: line for line in LINES}


def result(
    who: str, cpu_ms: float, *, line: str = "installed", number: int = 0, faults: tuple[str, ...] = ()
) -> Result:
    return Result(who, line, 8, number, "2026-11-27", cpu_ms, cpu_ms + 1, 0.5, 10.0, 1, faults)


def row(results: list[Result], line: Line, who: str) -> list[str]:
    (found,) = [one for one in table(results, [line], [8], ["ffmpeg", "Moonfire", EDGED]) if f" {who} " in one]
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_who_has_no_health_is_measured_once_with_it_and_without() -> None:
    assert line_for("ffmpeg", BY_NAME["bare"]) == BY_NAME["no-sound"]
    assert line_for("ffmpeg", BY_NAME["no-health"]) == BY_NAME["installed"]
    assert line_for(EDGED, BY_NAME["bare"]) == BY_NAME["bare"]


def test_a_row_has_the_median_of_its_rounds_their_spread_and_ratios_of_the_same_line() -> None:
    seen = [result(EDGED, ms, line="bare", number=n) for n, ms in enumerate((1.0, 2.0, 9.0))]
    seen += [result("Moonfire", 4.0, line="no-sound"), result("Moonfire", 100.0)]
    cells = row(seen, BY_NAME["bare"], f"**{EDGED}**")
    assert cells[3:8] == ["3", "2.00 (1.00 – 9.00)", "", "0.50", "3.00 (2.00 – 10.00)"]


def test_one_round_has_no_spread() -> None:
    assert row([result(EDGED, 2.0)], BY_NAME["installed"], f"**{EDGED}**")[3:5] == ["1", "2.00"]


def test_what_went_wrong_is_said() -> None:
    assert any("two were lost" in said for said in remarks([result(EDGED, 1.0, faults=("two were lost",))]))
