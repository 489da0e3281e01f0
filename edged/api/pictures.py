"""The calls behind `edgectl snapshot` and `edgectl reference`: a picture of a camera now, and what it is to show.

A snapshot is on record, with its purpose, before it is shown. The picture itself goes through as it came from the
decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, get_args
from zoneinfo import ZoneInfo

from aiohttp import web

from edged.access.callers import Details, Refusal, Route, get, post
from edged.access.guard import REASON
from edged.alarms.conditions import site_time
from edged.api.base import answer, asked
from edged.api.grounds import Grounds
from edged.config.model import CameraConfig
from edged.documents import site as documents
from edged.health.stream import CameraState
from edged.health.watch import HealthWatch, NoPicture
from edged.overview import CameraHealth, told
from edged.site.rounds import SiteState
from edged.words import exit_codes
from edged.words.roles import Verb
from edged.words.units import optional_timestamp, timestamp
from storage.words.message import NOTHING, Message, as_message, message

TAKEN: str = "X-Edged-Taken"
"""Header of a snapshot: when it was fetched."""
DESTROY_BY: str = "X-Edged-Destroy-By"
"""With a profile: until when whoever asked for it is to destroy it."""
PICTURE_KEPT_MS: Final = 24 * 3_600_000


class PictureCalls:
    """All of them."""

    def __init__(self, lookout: HealthWatch, site: SiteState, grounds: Grounds) -> None:
        self._lookout = lookout
        self._site = site
        self._grounds = grounds

    def routes(self) -> Sequence[Route]:
        return [
            get("/v1/cameras/{camera}/snapshot", Verb.SNAPSHOT, self.snapshot, self._what_for, self._grounds.snapshot),
            get("/v1/references", Verb.REFERENCE_LIST, self.listed),
            post("/v1/references/{camera}/set", Verb.REFERENCE_SET, self.refer, self._which),
            post("/v1/references/{camera}/clear", Verb.REFERENCE_CLEAR, self.unrefer, self._which),
        ]

    async def snapshot(self, request: web.Request) -> web.Response:
        camera = self._camera(request)
        try:
            jpeg, taken_ms = await self._lookout.snapshot(camera.id)
        except NoPicture as error:
            raise self._none(camera, error) from None
        headers = {TAKEN: timestamp(taken_ms)}
        if self._site.config.site.profile is not None:
            headers[DESTROY_BY] = timestamp(taken_ms + PICTURE_KEPT_MS)
        return web.Response(body=jpeg, content_type="image/jpeg", headers=headers)

    async def listed(self, request: web.Request) -> web.Response:
        del request
        since = {name: one.set_ms for name, one in self._lookout.references.items()}
        cameras = [one.id for one in self._site.config.cameras]
        rows = [documents.Reference(camera=one, set=optional_timestamp(since.get(one))) for one in cameras]
        return answer(documents.ReferenceList(references=rows))

    async def refer(self, request: web.Request) -> web.Response:
        camera = self._camera(request)
        await asked(request, documents.ReferenceAsked)
        try:
            one = await self._lookout.refer(camera.id)
        except NoPicture as error:
            raise self._none(camera, error) from None
        return answer(documents.ReferenceSet(camera=camera.id, set=timestamp(one.set_ms)))

    async def unrefer(self, request: web.Request) -> web.Response:
        camera = self._camera(request)
        await asked(request, documents.ReferenceAsked)
        cleared = await self._lookout.unrefer(camera.id)
        return answer(documents.ReferenceClear(camera=camera.id, cleared=cleared))

    async def _what_for(self, request: web.Request) -> Details:
        purpose = request.query.get("purpose", "")
        if purpose not in get_args(documents.Purpose):
            raise Refusal(
                message("api.purpose", "a live picture is shown for a purpose only"),
                message("api.purpose.action", "say which: {purposes}", purposes=list(get_args(documents.Purpose))),
                exit_codes.USAGE,
            )
        return {"cameras": [self._camera(request).id], "purpose": purpose}

    async def _which(self, request: web.Request) -> Details:
        request[REASON] = (await asked(request, documents.ReferenceAsked)).reason
        return {"cameras": [self._camera(request).id]}

    def _camera(self, request: web.Request) -> CameraConfig:
        """Refusal for one that is not configured or not switched on."""
        name = request.match_info["camera"]
        one = next((camera for camera in self._site.config.cameras if camera.id == name), None)
        if one is None:
            raise Refusal(
                message("api.no-camera-quoted", "there is no camera {name}", name=repr(name)),
                message("api.no-camera-quoted.action", "edgectl cameras lists them"),
                exit_codes.USAGE,
                404,
            )
        if not one.enabled:
            raise Refusal(
                message("api.camera-disabled", "camera {camera} is disabled in the configuration", camera=name),
                message("api.look-at-cameras", "edgectl cameras"),
                exit_codes.FAILED,
                409,
            )
        return one

    def _none(self, camera: CameraConfig, error: NoPicture) -> Refusal:
        seen, zone = self._site.overview(), self._site.config.site.zone
        health = seen.health.get(camera.id)
        why = down(health, zone) if health else NOTHING
        words = message(
            "api.no-picture",
            "there is no picture of camera {camera} now: {reason}",
            camera=camera.id,
            reason=why or as_message(error.args[0]),
        )
        return Refusal(words, message("api.look-at-cameras", "edgectl cameras"), exit_codes.TRY_LATER, 503)


def down(health: CameraHealth, zone: ZoneInfo) -> Message:
    """That it is down, since when and why, as the status has it; "" where it is not."""
    condition = health.condition
    if condition.state is not CameraState.DOWN:
        return NOTHING
    why, since = told(condition.reason, condition.check), site_time(health.since_ms, zone)
    if why:
        return message("api.down-because", "it is down since {since}: {reason}", since=since, reason=why)
    return message("api.down", "it is down since {since}", since=since)
