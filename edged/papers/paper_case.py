"""A case with all that a paper may say of it, and how that is said: days by the calendar of the Republic, people by
name, footage by the name of its camera. Pure.

A paper is in Traditional Chinese whoever prints it: it is the office's, and follows the words of its regulation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from edged.office.cases import CopyWord, copy_word
from edged.office.intervals import FormInterval, interval_text
from edged.office.request import OUTSIDE, Door, Hand, Scope, Stretch
from edged.office.story import Case, DatedAct
from edged.profiles.loader import Profile
from edged.words.units import roc_date

ERASED: Final = "（人別資料已依保存期限銷毀）"
LOST: Final = "（人別資料已遺失，見紙本）"
WITHHELD: Final = "（人別資料未示）"
DEPUTY: Final = "代為決行"
ON_PAPER: Final = "紙本"
BY_WORD: Final = "口頭核可"


@dataclass(frozen=True, slots=True)
class PaperCase:
    """A case as a paper tells of it."""

    case: Case
    profile: Profile
    words: Mapping[str, str]
    """What was written in the form, by field, and other words of the case; none where nobody may or can read them."""
    shown: Mapping[str, str]
    """The same of the form as people read it (`forms.rendered`)."""
    names: Mapping[int, str]
    """Of persons of the office, by number; none where they may not be shown."""
    cameras: Mapping[str, str]
    """Names of cameras, by id."""
    zone: ZoneInfo
    today: date
    box: str = ""
    """The name of this box (`[site] node`)."""
    private: bool = False
    """Words of persons are left out: whoever prints it has no part in the request."""
    nameless: bool = False
    """They cannot be read any more."""
    log_posts: tuple[str, ...] = ()
    """Who signs a row of its log book."""
    destroyed: tuple[tuple[Stretch, int], ...] = ()
    """What of the footage that is asked for was destroyed before, ms."""
    unheld: tuple[tuple[Stretch, str], ...] = ()
    """What of it is not held, and why."""
    reply_by: date | None = None
    """The last day on which it is to be answered; None: no day is named, or it was."""
    durable: bool = True
    """The leaf of its receipt lies on a volume; else its number is 暫編."""
    made: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By copy that left: leaf by which it was begun, and until when it is to be destroyed, wall clock, ms."""
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of the list of a copy that is finished, hex, by copy."""

    @property
    def number(self) -> str:
        return self.case.row.number

    @property
    def withheld(self) -> str:
        """What stands where words of persons would; "" where they can be read."""
        if self.case.row.erased:
            return ERASED
        if self.nameless:
            return LOST
        return WITHHELD if self.private else ""

    def word(self, name: str) -> str:
        """Of a field of the form, or another word of the case by its prefix and name; "" where it is not to be read."""
        return self.shown.get(name) or self.words.get(name, "")

    def text(self, name: str) -> str:
        """The same; `withheld` in the place of what a person wrote."""
        if found := self.word(name):
            return found
        personal = {one.name for one in self.case.procedure.fields if one.personal}
        return self.withheld if name in personal or ":" in name else ""

    def of_copy(self, copy: str, what: CopyWord) -> str:
        return self.text(copy_word(copy, what))

    def name(self, person: int) -> str:
        """Of a person of the office; of whoever asks from outside as the form has it."""
        if person == OUTSIDE:
            return self.text("applicant")
        return self.names.get(person) or self.withheld or f"第{person}號人員"

    def camera(self, camera: str) -> str:
        name = self.cameras.get(camera, "")
        return f"{name}（{camera}）" if name and name != camera else camera

    def moment(self, wall_ms: int) -> str:
        """民國115年11月25日 14:30 by the site's clock."""
        at = self.clock(wall_ms)
        return f"{roc_date(at.date())} {at:%H:%M}"

    def clock(self, wall_ms: int) -> datetime:
        return datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone(self.zone)

    def day(self, ordinal: int | None, done: DatedAct | None = None) -> str:
        """民國115年11月25日; None: the day on which it was entered."""
        if ordinal is not None:
            return roc_date(date.fromordinal(ordinal))
        return roc_date(self.clock(done.at.wall_ms).date()) if done is not None else ""

    def footage(self, scope: Scope) -> list[str]:
        """A line for each camera and interval."""
        return [
            f"{self.camera(one.camera)}　{interval_text((FormInterval(one.from_ms, one.to_ms),), self.zone)}"
            for one in scope
        ]

    def signed(self, hand: Hand, done: DatedAct | None = None) -> str:
        """陳小明（代為決行）（紙本） 民國115年11月25日."""
        how = [DEPUTY] if hand.deputy else []
        if hand.authorised:
            how.append("授權")
        if hand.door is not Door.LOGIN:
            how.append(ON_PAPER if hand.door is Door.PAPER else BY_WORD)
        return (
            self.name(hand.person)
            + "".join(f"（{one}）" for one in how)
            + f" {self.day(hand.paper_day, done)}".rstrip()
        )
