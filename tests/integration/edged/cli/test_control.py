"""edgectl against the control socket itself: aiohttp serves, http.client asks, the documents are the samples."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, TypeVar

import pytest

from edged.access.callers import Refusal
from edged.api.listings import Page
from edged.cli.main import main
from edged.documents import site as documents
from edged.documents.base import Document
from edged.words import exit_codes
from tests.support.roles import control_socket, guard
from tests.support.samples import ALARM, GAP, SAMPLES, SEGMENT

Kind = TypeVar("Kind", bound=Document)


def sample(kind: type[Kind]) -> Kind:
    return kind.model_validate(SAMPLES[kind])


class Site:
    """What the daemon would tell; lists come in pages of two."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, ...]] = []

    async def status(self) -> documents.Status:
        return sample(documents.Status)

    async def cameras(self) -> documents.Cameras:
        return sample(documents.Cameras)

    async def retention(self) -> documents.Retention:
        return sample(documents.Retention)

    async def explain(self, segment: str) -> documents.Explanation:
        raise Refusal(f"there is no segment {segment}", "list them", exit_codes.FAILED, 404)

    async def alarms(self) -> documents.Alarms:
        return documents.Alarms(alarms=[documents.Alarm.model_validate(ALARM)])

    async def version(self) -> documents.Version:
        return sample(documents.Version)

    async def reload(self, _by: object) -> documents.Reload:
        return sample(documents.Reload)

    def segments(self, camera: str | None, start: str | None, end: str | None, limit: int | None) -> Page:
        self.asked.append((camera, start, end, None if limit is None else str(limit)))
        return pages([documents.Segment.model_validate(SEGMENT | {"seq": n}) for n in range(5)])

    def gaps(self, camera: str | None, start: str | None, end: str | None, limit: int | None) -> Page:
        self.asked.append((camera, start, end, None if limit is None else str(limit)))
        return pages([documents.Gap.model_validate(GAP)])


def pages(rows: list[Any]) -> Page:
    def page(cursor: object | None) -> tuple[list[Any], object | None]:
        at = cursor if isinstance(cursor, int) else 0
        return rows[at : at + 2], at + 2 if at + 2 < len(rows) else None

    return page


async def asked(path: Path, site: Site, *arguments: str) -> int:
    control = control_socket(site, path, guard())
    await control.listen()
    try:
        return await asyncio.to_thread(main, ["--socket", str(path), *arguments])
    finally:
        await control.stop()


async def test_lists_are_streamed_into_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = Site()
    options = ["--camera", "lobby", "--from", "2026-03-01 08:00", "--limit", "9"]
    assert await asked(tmp_path / "c.sock", site, "segments", "--json", *options) == exit_codes.OK
    document = json.loads(capsys.readouterr().out)
    assert [segment["seq"] for segment in document["segments"]] == [0, 1, 2, 3, 4]
    assert set(site.asked) == {("lobby", "2026-03-01T00:00:00.000Z", None, "9")}


@pytest.mark.parametrize("verb", ["status", "cameras", "gaps", "retention", "alarms", "reload"])
async def test_each_verb_is_served(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await asked(tmp_path / "c.sock", Site(), verb, "--json") == exit_codes.OK
    assert json.loads(capsys.readouterr().out)["schema"] == f"edged.{verb}/1"


async def test_a_refusal_arrives_as_it_was_meant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await asked(tmp_path / "c.sock", Site(), "retention", "--explain", "lobby/7") == exit_codes.FAILED
    assert capsys.readouterr().err == "edgectl: there is no segment lobby/7\n  → list them\n"
