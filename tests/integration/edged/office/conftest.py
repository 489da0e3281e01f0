"""A running daemon of the profile that a module names, shared by its tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.integration.edged.office.storied import HASTE, StoriedBox, opened, staff


@pytest.fixture(scope="module")
def unopened(request: pytest.FixtureRequest) -> Iterator[StoriedBox]:
    """Its office is not opened, unless a test before has done so. A module may plant a bug as `SABOTAGE`."""
    with opened(request.module.PROFILE, getattr(request.module, "SABOTAGE", HASTE)) as box:
        yield box


@pytest.fixture(scope="module")
def box(unopened: StoriedBox) -> StoriedBox:
    """With people, footage and an open office."""
    asyncio.run(staff(unopened))
    return unopened
