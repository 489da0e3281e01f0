"""Whether footage may be shown or handed out now, and on which ground. The guard asks it before each call that does.

Without a profile a box is as it was: whoever has the role may. With one, nobody may by the role alone, nor while a lost
database is made anew that may tell of one:

- While the office is not opened, each export and each picture takes a second person, for that one (`Permit`). Who has
  begun an export goes on with it, and nobody else.
- Once it is open, what leaves or is viewed is of a granted request. Live pictures go on for maintenance, repair and
  inspection; exports that were begun before may be finished. What an auditor names is shown with the auditor there
  (`edged.api.disclosure`).

Where requests cannot be read, nothing is disclosed, in words. Blocking; from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edged.office.looks import Purpose, refuse_live
from edged.office.request import Unfit, granted
from edged.office.service import OfficeService
from edged.profiles.procedures import Use
from storage.store.facade import Store
from storage.words.clock import Clock
from storage.words.message import Message, message

PERMIT_MS: Final = 3_600_000
"""So long whoever asked may use what a second person permitted, in running time; a restart takes it back."""


class NotPermitted(Exception):
    """This takes a second person."""


@dataclass(frozen=True, slots=True)
class Permit:
    """What one person may do once because another agreed."""

    account: int
    what: str
    """`export` or `snapshot`."""
    cameras: tuple[str, ...]
    from_ms: int = 0
    to_ms: int = 0
    """Of what was recorded."""
    whole: bool = False
    """Whole segments, which reach beyond its interval."""


class Disclosure:
    """Of one daemon run."""

    def __init__(self, store: Store, office: OfficeService, clock: Clock) -> None:
        self._store = store
        self._office = office
        self._clock = clock
        self._permits: dict[Permit, int] = {}
        self._lock = threading.Lock()

    @property
    def unconditional(self) -> bool:
        """There is no profile, so there is no office."""
        return not self._office.procedures and self._store.agreement.is_without_profile()

    @property
    def takes_two(self) -> bool:
        """There is an office, and it is not opened. OfficeShut."""
        return not self.unconditional and not self._office.is_open

    def permit(self, permit: Permit) -> None:
        """A second person has agreed to it."""
        with self._lock:
            self._permits[permit] = self._clock.now().boottime_ms + PERMIT_MS

    def check_export(self, permit: Permit, *, use: bool) -> None:
        """An export that names no request. NotPermitted: it takes a second person, and `permit` says for what; Unfit:
        none is made any more; OfficeShut. `use`: the permit is used up by it.
        """
        if self.unconditional:
            return
        if self._office.is_open:
            raise Unfit(
                message(
                    "office.copy-by-request", "a copy leaves by a granted request only: edgectl request copy NUMBER"
                )
            )
        self._permitted(permit, use=use)

    def check_snapshot(self, permit: Permit, purpose: str) -> None:
        """A live picture. NotPermitted, Unfit, OfficeShut."""
        if self.unconditional:
            return
        if not self._office.is_open:
            self._permitted(permit, use=True)
            return
        if purpose not in {one.value for one in Purpose}:
            raise Unfit(
                message(
                    "office.live-purpose",
                    "a live picture is shown for maintenance, repair or inspection; all else takes a request",
                )
            )
        refuse_live(Purpose(purpose))

    def check_export_goes_on(self, export: str, who: str) -> Sequence[str]:
        """One that was begun: of a request whose grant stands; or by `who`, before the office was opened. The cameras
        that it is of. Unfit, UnknownId, OfficeShut.
        """
        exports = self._store.exports
        begun = exports.get(export)
        cameras = begun.order.cameras
        if self.unconditional:
            return cameras
        requests = self._store.office.requests
        number, opened = requests.of_export(export), requests.opened
        if number is not None:
            granted(self._office.cases.case(number).request, Use.COPY)
            return cameras
        if opened is not None and (begun.leaf is None or begun.leaf > opened):
            raise Unfit(
                message("office.export-without-request", "export {export} is of no granted request", export=export)
            )
        _, by = exports.told(begun).get("who", (b"", ""))
        if by != who:
            raise Unfit(
                message(
                    "office.export-of-another",
                    "a second person let somebody else make export {export}: whoever has begun it goes on with it",
                    export=export,
                )
            )
        return cameras

    def _permitted(self, permit: Permit, *, use: bool) -> None:
        with self._lock:
            now_ms = self._clock.now().boottime_ms
            self._permits = {one: until_ms for one, until_ms in self._permits.items() if until_ms > now_ms}
            if permit not in self._permits:
                raise NotPermitted
            if use:
                del self._permits[permit]


def sentence(permit: Permit, told: Mapping[str, str]) -> Message:
    """What a second person reads. `told`: the interval in words a program understands."""
    cameras = list(permit.cameras)
    if permit.whole:
        return message(
            "approval.export-whole",
            "the office is not opened: whole segments of {cameras} that have anything from {start_at} to {end_at} are"
            " copied without a request",
            cameras=cameras,
            start_at=told["start"],
            end_at=told["end"],
        )
    if permit.what == "export":
        return message(
            "approval.export",
            "the office is not opened: footage of {cameras} from {start_at} to {end_at} is copied without a request",
            cameras=cameras,
            start_at=told["start"],
            end_at=told["end"],
        )
    return message(
        "approval.snapshot",
        "the office is not opened: a picture of {cameras} is taken without a request",
        cameras=cameras,
    )
