"""Exports as people ask for them: planned, begun, prepared, handed out, sealed, ended. Blocking and thread-safe.

What is made of footage lies in memory and in `exports/` of the state directory only while it is copied; a daemon that
was restarted makes it anew when it is asked again.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from edged.access.callers import instant
from edged.config.model import Config
from edged.documents import exports as documents
from edged.evidence import export_job, export_manifest
from edged.evidence.export_job import ExportJob, ExportSite, FileStream
from edged.words.units import timestamp
from storage.exports.model import Export, ExportOrder, OfficeRequest
from storage.exports.service import CameraPlan, ExportPlan
from storage.pins.rules import Interval
from storage.retention.plan import effective
from storage.store.facade import Store
from storage.words.clock import Clock
from storage.words.errors import OrderWrong, RetryError, UnknownId
from storage.words.message import message
from storage.words.model import Bounds

AT_LEAST_MS: Final = 24 * 3_600_000
"""A copy may be kept so long in any case."""
MORE: Final = 1.02
"""What lists, proofs and indexes take, as a share of the films."""
PAPERS_BYTES: Final = 1 << 20
REST: Final = 0.5
"""Reading rests for as much of the time that it worked: recording comes first, and it is idle for the disk besides."""
REST_MAX_S: Final = 2.0


VIEWED_BYTES_MAX: Final = 1 << 40
"""Of a film that leaves nowhere: no medium has to take it."""


class Gone(Exception):
    """Nobody waits for it any more."""


class NotPrepared(RetryError):
    """The daemon was restarted: it has to read what leaves once more."""


@dataclass(slots=True)
class Pace:
    """Hears of octets, tells how far it is, and rests."""

    progress: Callable[[dict[str, Any]], None]
    gone: threading.Event
    total: int
    done: int = 0
    since_s: float = 0.0

    def __call__(self, count: int) -> None:
        self.done += count
        self.progress({"done": self.done, "total": self.total})
        worked_s = time.monotonic() - self.since_s if self.since_s else 0.0
        if self.gone.wait(min(REST_MAX_S, worked_s * REST)):
            raise Gone
        self.since_s = time.monotonic()


class ExportService:
    """Of one daemon."""

    def __init__(self, store: Store, clock: Clock, config: Callable[[], Config]) -> None:
        """`config`: as it is now."""
        self._store = store
        self._clock = clock
        self._config = config
        self._version = version("edged")
        self._works: dict[str, ExportJob] = {}
        self._lock = threading.Lock()
        self._swept = False

    # --- plans and beginnings -----------------------------------------------------------------------------------

    def plan(self, wanted: documents.ExportAsked) -> documents.ExportPlan:
        """What there is of it. Refusals of storage."""
        bounds = self._bounds()
        return self._planned(self._store.exports.survey(self._order(wanted), bounds), wanted, bounds)

    def begin(
        self, wanted: documents.ExportAsked, who: str, request: OfficeRequest | None = None
    ) -> tuple[Export, documents.ExportPlan]:
        """On record, and held. `request`: by which it is made; OrderWrong where it would take more than that grants:
        whole segments reach beyond any interval.
        """
        if request is not None and wanted.whole_segments:
            raise OrderWrong(
                message(
                    "office.whole-segments", "by a request no whole segments leave: they reach beyond its interval"
                ),
                message("office.whole-segments.action", "leave out --whole-segments"),
            )
        bounds = self._bounds()
        survey = self._store.exports.survey(self._order(wanted), bounds)
        plan = self._planned(survey, wanted, bounds)
        told = {"who": who, "reason": wanted.reason}
        told |= {name: text for name in ("case", "request") if (text := getattr(wanted, name)) is not None}
        order = ExportOrder(
            cameras=survey.order.cameras,
            interval=self._order(wanted).interval,
            whole=wanted.whole_segments,
            max_bytes=wanted.max_file_bytes,
            destroy_by_ms=instant("destroy_by", plan.destroy_by) or 0,
            request=request,
        )
        return self._store.exports.begin(order, bounds, plan.bytes, told), plan

    # --- viewing copies: films that are laid out at this box ------------------------------------------------------

    def begin_viewing(
        self, cameras: tuple[str, ...], interval: Interval, request: OfficeRequest
    ) -> tuple[Export, ExportPlan]:
        """On record, and held, with what there is of it. Refusals of storage."""
        bounds, day_on_ms = self._bounds(), self._clock.now().wall_ms + AT_LEAST_MS
        order = ExportOrder(cameras, interval, False, VIEWED_BYTES_MAX, day_on_ms, request, viewing=True)
        survey = self._store.exports.survey(order, bounds)
        size = sum(_camera(one, one.camera, survey.order.interval).bytes for one in survey.cameras)
        return self._store.exports.begin(order, bounds, size, {}), survey

    @contextmanager
    def films(
        self, export: Export, progress: Callable[[dict[str, Any]], None], gone: threading.Event
    ) -> Iterator[ExportJob]:
        """A viewing copy, read and planned: its sources give bytes as long as this lasts. Gone; what reading raises."""
        job = ExportJob(export, self._place(), self._spool() / export.id)
        try:
            contents = self._store.exports.contents(export)
            pace = Pace(progress, gone, sum(one.bytes for one in contents.segments.values()))
            job.prepare(contents, self._store.exports.opened, pace)
            yield job
        finally:
            shutil.rmtree(job.spool, ignore_errors=True)

    # --- what leaves --------------------------------------------------------------------------------------------

    def prepare(
        self, export_id: str, progress: Callable[[dict[str, Any]], None], gone: threading.Event
    ) -> documents.Prepared:
        """Read all of it, unless that was done since the daemon started. UnknownId; Gone."""
        work = self._work(export_id)
        with work.lock:
            if not work.sources:
                contents = self._store.exports.contents(work.export)
                pace = Pace(progress, gone, sum(one.bytes for one in contents.segments.values()))
                try:
                    work.prepare(contents, self._store.exports.opened, pace)
                except BaseException:
                    self._forget(export_id)
                    raise
        return documents.Prepared(digest=work.digest, files=_files(work.sources), troubles=_troubles(work))

    def source(self, export_id: str, path: str) -> FileStream:
        """A file of it. UnknownId; NotPrepared."""
        work = self._prepared(export_id)
        found = work.sources.get(path) or work.papers.get(path)
        if found is None:
            raise UnknownId(
                message("manifest.no-file", "export {export} has no file {path}", export=export_id, path=path[:100]),
                message("manifest.no-file.action", "edgectl and edged must be of one version"),
            )
        return found

    def seal(
        self, export_id: str, progress: Callable[[dict[str, Any]], None], gone: threading.Event
    ) -> documents.Sealed:
        """Sign the list of all that leaves: from now on lists and proofs can be asked for."""
        work = self._prepared(export_id)
        with work.lock:
            pace = Pace(progress, gone, sum(one.left for one in work.sources.values()))
            export_manifest.seal(work, self._store.exports, self._clock.now().wall_ms, pace)
            public = self._store.exports.signer().public
        return documents.Sealed(files=_files(work.papers), key=sha256(public).hexdigest())

    # --- ends ---------------------------------------------------------------------------------------------------

    def finish(self, export_id: str, who: str) -> Export:
        """It has left."""
        work = self._prepared(export_id)
        if not work.manifest:
            raise NotPrepared(
                message("manifest.unsigned", "export {export} has no signed list", export=export_id),
                message("manifest.unsigned.action", "edgectl export --resume FOLDER of {export}", export=export_id),
            )
        every = [*work.sources.values(), *work.papers.values()]
        ended = self._store.exports.finish(export_id, work.manifest, sum(one.size for one in every), who)
        self._forget(export_id)
        return ended

    def abandon(self, export_id: str, who: str) -> Export:
        """Nobody wants it."""
        with self._lock:
            work = self._works.get(export_id)
        left = 0 if work is None else sum(one.size - one.left for one in work.sources.values())
        ended = self._store.exports.abandon(export_id, left, who)
        self._forget(export_id)
        return ended

    def listed(self) -> documents.ExportList:
        return documents.ExportList(exports=[self.document(one) for one in self._store.exports.latest()])

    def document(self, export: Export) -> documents.Copied:
        order, place = export.order, self._place()
        return documents.Copied(
            id=export.id,
            state=export.state.value,
            cameras=list(order.cameras),
            start=timestamp(order.interval.first_ms),
            end=timestamp(order.interval.last_ms),
            whole_segments=order.whole,
            begun=timestamp(export.begun.wall_ms),
            folder=export_job.folder_name(place.node, export.begun.wall_ms, place.zone, export.id),
            office_request=None if order.request is None else order.request.number,
        )

    # --- inside -------------------------------------------------------------------------------------------------

    def _work(self, export_id: str) -> ExportJob:
        export, spool = self._store.exports.find(export_id), self._spool()
        with self._lock:
            for ended in self._works.keys() - {one.id for one in self._store.exports.latest() if one.account}:
                self._drop(ended)
            return self._works.setdefault(export_id, ExportJob(export, self._place(), spool / export_id))

    def _spool(self) -> Path:
        """Of the state directory; what an earlier run left there is gone."""
        spool = self._config().paths.state / "exports"
        with self._lock:
            if not self._swept:
                shutil.rmtree(spool, ignore_errors=True)
                self._swept = True
        return spool

    def _prepared(self, export_id: str) -> ExportJob:
        self._store.exports.find(export_id)
        with self._lock:
            work = self._works.get(export_id)
        if work is None or not work.sources:
            raise NotPrepared(
                message("manifest.unprepared", "export {export} has to be read once more", export=export_id),
                message("manifest.unprepared.action", "edgectl export --resume FOLDER"),
            )
        return work

    def _forget(self, export_id: str) -> None:
        with self._lock:
            self._drop(export_id)

    def _drop(self, export_id: str) -> None:
        work = self._works.pop(export_id, None)
        if work is not None:
            shutil.rmtree(work.spool, ignore_errors=True)

    def _place(self) -> ExportSite:
        config = self._config()
        return ExportSite(
            config.site.node,
            config.site.office,
            config.site.name,
            config.site.timezone,
            config.site.zone,
            software=f"edged {self._version}",
            cameras={one.id: one.name for one in config.cameras},
        )

    def _bounds(self) -> dict[str, Bounds]:
        return self._store.ring.view(self._config().policy()).bounds

    def _order(self, wanted: documents.ExportAsked) -> ExportOrder:
        for name in ("reason", "case", "request"):
            text = getattr(wanted, name)
            if text is not None and not (text.strip() and text.isprintable()):
                raise OrderWrong(
                    message("manifest.not-a-line", "--{option} is not one line of text", option=name),
                    message("manifest.not-a-line.action", "say it in a few words"),
                )
        first_ms, last_ms = instant("from", wanted.start) or 0, instant("to", wanted.end) or 0
        if first_ms >= last_ms:
            raise OrderWrong(
                message("manifest.empty-interval", "the interval is empty"),
                message("manifest.empty-interval.action", "--from must be earlier than --to"),
            )
        cameras = tuple(dict.fromkeys(wanted.cameras))
        return ExportOrder(
            cameras,
            Interval(first_ms, last_ms),
            whole=wanted.whole_segments,
            max_bytes=wanted.max_file_bytes,
            destroy_by_ms=0,
        )

    def _planned(
        self, survey: ExportPlan, wanted: documents.ExportAsked, bounds: dict[str, Bounds]
    ) -> documents.ExportPlan:
        interval, now = survey.order.interval, self._clock.now()
        names = self._place().cameras
        cameras = [_camera(one, names.get(one.camera, one.camera), interval) for one in survey.cameras]
        whole = sum(row.bytes for one in survey.cameras for row in one.segments) if wanted.whole_segments else 0
        gaps = [
            documents.Span(
                camera=one.camera,
                start=timestamp(gap.true_start_ms),
                end=timestamp(now.wall_ms if gap.true_end_ms is None else gap.true_end_ms),
                cause=gap.cause.value,
            )
            for one in survey.cameras
            for gap in one.gaps
        ]
        holes = [
            documents.Span(camera=one.camera, start=timestamp(begin), end=timestamp(end), cause=None)
            for one in survey.cameras
            for begin, end in one.unaccounted
        ]
        return documents.ExportPlan(
            start=timestamp(interval.first_ms),
            end=timestamp(interval.last_ms),
            cut_by=survey.cut_by,
            cameras=cameras,
            gaps=gaps[: documents.SPANS_TOLD],
            unaccounted=holes[: documents.SPANS_TOLD],
            bytes=round(sum(one.bytes for one in cameras) * MORE) + whole + PAPERS_BYTES,
            destroy_by=timestamp(_destroy_by(survey, wanted, bounds, now.wall_ms)),
            volumes=[str(one.path) for one in self._store.volumes()],
        )


def _destroy_by(survey: ExportPlan, wanted: documents.ExportAsked, bounds: dict[str, Bounds], now_ms: int) -> int:
    """As asked for; else when the last of the footage itself has to be destroyed, if the box runs on."""
    if wanted.destroy_by is not None:
        told_ms = instant("destroy_by", wanted.destroy_by) or 0
        if told_ms <= now_ms:
            raise OrderWrong(
                message("manifest.destroy-by-past", "--destroy-by lies in the past"),
                message("manifest.destroy-by-past.action", "give a day to come"),
            )
        return told_ms
    ends_ms = [
        row.true_start_ms + effective(row.bounds, bounds.get(one.camera)).ceiling_s * 1000
        for one in survey.cameras
        for row in one.segments
    ]
    return max([now_ms + AT_LEAST_MS, *ends_ms])


def _camera(one: CameraPlan, name: str, interval: Interval) -> documents.ExportCamera:
    def within(begin_ms: int, end_ms: int) -> int:
        return max(0, min(end_ms, interval.last_ms) - max(begin_ms, interval.first_ms))

    size = recorded_ms = 0
    for row in one.segments:
        inside = within(row.true_start_ms, row.true_start_ms + row.duration_ms)
        recorded_ms += inside
        size += row.bytes * min(row.duration_ms, inside + _GOP_MS) // max(1, row.duration_ms)
    for gap in one.gaps:
        if gap.inside:
            start = gap.true_start_ms
            spans = [(start + since, start + since + lasted) for since, lasted in gap.pauses]
            recorded_ms -= sum(within(*span) for span in spans)
    return documents.ExportCamera(
        camera=one.camera,
        name=name,
        segments=len(one.segments),
        bytes=size,
        recorded_s=max(0, recorded_ms) / 1000,
        gaps=len(one.gaps),
        destroyed=len(one.destroyed),
        away=len(one.away),
        set_aside=one.set_aside,
        due_soon=one.due_soon,
    )


_GOP_MS: Final = 10_000
"""A film begins with the key frame before, which may be so far off."""


def _files(sources: dict[str, FileStream]) -> list[documents.ExportFile]:
    return [documents.ExportFile(path=path, bytes=source.size) for path, source in sorted(sources.items())]


def _troubles(work: ExportJob) -> list[documents.Trouble]:
    found: Iterable[documents.Trouble] = (
        documents.Trouble(
            camera=camera.id,
            start=work.place.at(one.segment.start_ms),
            file=camera.originals.get(one.segment.leaf),
            what=one.trouble,
            what_code=one.trouble.code,
            what_values=one.trouble.data,
        )
        for camera in work.cameras
        for one in camera.reads.values()
        if one.trouble is not None
    )
    return sorted(found, key=lambda one: (one.camera, one.start))
