"""The control API, put together when somebody first calls (`edged.api.listening`).

What is imported here nothing else of the daemon needs: aiohttp, the documents, the papers.
"""

from __future__ import annotations

from collections.abc import Callable

from edged.access.acts import Acts
from edged.access.guard import Guard
from edged.access.service import AccessService
from edged.api.reloading import Reloading
from edged.api.server import Control, Parts, Service, routes
from edged.centre.handlers import or_key
from edged.health.watch import HealthWatch
from edged.main.office_parts import OfficeParts
from edged.site.rounds import SiteState
from edged.words.roles import Assignment
from mqtt.commands import Commanders
from storage.store.facade import Store
from storage.words.clock import Clock


def control(
    site: SiteState,
    store: Store,
    clock: Clock,
    acts: Acts,
    people: AccessService,
    keys: Callable[[], Commanders],
    reloading: Reloading,
    lookout: HealthWatch,
    beside: OfficeParts,
) -> Control:
    """All calls; the guard asks the office who has a part in a request."""

    def assignment() -> Assignment | None:
        return site.config.assignment()

    guard, office = Guard(assignment, people.directory, people.journal, people.clash), beside.office
    guard.has_part, guard.accompanies, guard.cameras_of = office.has_part, office.accompanies, office.cameras_of
    parts = Parts(
        site=site,
        store=store,
        clock=clock,
        acts=acts,
        may_ask=or_key(guard.may, keys),
        lookout=lookout,
        compliance=beside.compliance,
        office=office,
        copies=beside.copies,
        looks=beside.looks,
        exports=beside.exports,
    )
    return Control(Service(site, store, reloading), guard, routes(parts))
