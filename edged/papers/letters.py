"""The letter by which a case is answered (函復), told to supply something (補正) or told to wait (延長), as the office
pastes it into its document system.

A letter says what stood when it went out: what came after the reply changes nothing in it. Until then its number, day
and way are blanks. Pages and plain text are made of one `Letter`, so that they say the same. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from string import Formatter
from typing import Final

from edged.office import forms
from edged.office.deadlines import REMEDY_DAYS, falls_short
from edged.office.request import (
    SHOWN,
    Appoint,
    AskSupplement,
    Decide,
    Decision,
    Delivery,
    Door,
    EndViewing,
    Extend,
    Reply,
    Sign,
    Unfit,
    Withdraw,
    denies_by_class,
)
from edged.office.story import DatedAct
from edged.papers.case_story import last_with_version
from edged.papers.case_words import (
    DELIVERIES,
    confidentiality,
    numeral,
    party,
    reason,
    term,
    use_word,
    use_words,
)
from edged.papers.paper_case import PaperCase
from edged.papers.render import render
from edged.profiles.loader import ProfileClause
from edged.profiles.procedures import Applicant, Procedure, Unit, Use
from storage.words.message import message

NO_NUMBER: Final = "＿＿＿＿＿字第＿＿＿＿＿＿＿＿＿＿號"
NO_DAY: Final = "民國＿＿＿年＿＿月＿＿日"
NO_WAY: Final = "　".join(f"□{one}" for one in DELIVERIES.values())
AGENCIES: Final = frozenset({Applicant.AGENCY, Applicant.INVESTIGATOR})
INSIDE: Final = frozenset({Applicant.STAFF, Applicant.POLICE})
REMEDY: Final = (
    f"如不服本行政處分，得自本行政處分達到之次日起{REMEDY_DAYS}日內（訴願法第14條），"
    "繕具訴願書經由本機關向訴願管轄機關提起訴願。"
)
LEGAL_PERSON: Final = "法人"
IDENTITY: Final = "身分證明文件正本"
BRINGS: Final[Mapping[str, str]] = {
    "identity": IDENTITY,
    "interest": "利害關係證明文件",
    "registration": "法人登記證明文件",
    "representative": "代表人資格證明文件",
    "mandate": "委任書",
    "agent-identity": "代理人身分證明文件",
    "member": "學生證、教職員證或其他身分證明文件",
    "investigator": "服務證件",
    "authority": "機關主管核准之文件或公文",
}
"""To the viewing or for the copy, by the check that asked for it."""


class LetterKind(StrEnum):
    """What it tells, as its title and subject have it."""

    GRANTED = "同意"
    IN_PART = "部分同意"
    REFUSED = "駁回"
    WITHDRAWN = "撤回"
    LOOKED = "先行查看結果"
    SUPPLEMENT = "補正通知"
    EXTENDED = "延長處理期間通知"


@dataclass(frozen=True, slots=True)
class LetterText:
    """A stretch of a letter. `field`: by which it is found, where it is a value of the case; else ""."""

    text: str
    field: str = ""


Line = tuple[LetterText, ...]
_Point = tuple[Line, Sequence[Line]]
"""A paragraph and its items."""


@dataclass(frozen=True, slots=True)
class LetterPoint:
    """A paragraph of 說明."""

    number: str
    """With its sign: 一、 ; "" of the only one."""
    line: Line
    items: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    title: str
    kind: LetterKind
    head: tuple[Line, ...]
    subject: Line
    points: tuple[LetterPoint, ...]
    foot: tuple[Line, ...]


def reply(paper: PaperCase) -> str:
    """As a page. Unfit: there is nothing to answer yet."""
    return render("letter", {"letter": letter(paper), "office": paper.profile.office})


def reply_text(paper: PaperCase) -> str:
    """The same as plain text. Unfit."""
    made = letter(paper)
    told = [made.title, *map(_plain, made.head), f"主旨：{_plain(made.subject)}", "說明："]
    for point in made.points:
        told.append(f"{point.number}{_plain(point.line)}")
        told += (f"　　{_plain(item)}" for item in point.items)
    return "\n".join([*told, *map(_plain, made.foot)]) + "\n"


def letter(paper: PaperCase) -> Letter:
    """Unfit: there is nothing to answer yet."""
    return _Writer(paper).letter()


def _plain(line: Line) -> str:
    return "".join(one.text for one in line)


def _line(text: str, **values: str) -> Line:
    """A value is found by its name in the text."""
    made = []
    for words, name, _, _ in Formatter().parse(text):
        if words:
            made.append(LetterText(words))
        if name is not None:
            made.append(LetterText(values[name], name.replace("_", "-")))
    return tuple(made)


def _point(text: str, *, items: Sequence[Line] = (), **values: str) -> _Point:
    return _line(text, **values), items


def bring(paper: PaperCase) -> Iterator[str]:
    """What whoever asked shows when they come."""
    case, procedure = paper.case, paper.case.procedure
    asked = [one for one in procedure.checks if one.name in case.request.outcomes]
    asked += [one for one in procedure.checks if one not in asked and forms.applies(procedure, one, paper.words)]
    found = [BRINGS[one.name] for one in procedure.checks if one in asked and one.name in BRINGS]
    if procedure.applicant in (*AGENCIES, *INSIDE):
        found = [BRINGS["investigator"], *(one for one in found if one != IDENTITY)]
    elif not any("身分證明文件" in one for one in found):
        found.append(IDENTITY)
    if procedure.originals > 1:
        found.append("經核准之調閱申請單")
    yield from dict.fromkeys(found)
    yield "本函"


def _numbered(items: Sequence[Line]) -> Iterator[Line]:
    """Where there are several."""
    for number, item in enumerate(items, 1):
        yield (LetterText(f"({numeral(number)})"), *item) if len(items) > 1 else item


class _Writer:
    def __init__(self, paper: PaperCase) -> None:
        self._paper = paper
        self._case = paper.case
        self._procedure: Procedure = paper.case.procedure
        self._replied = paper.case.last(Reply)
        acts = paper.case.acts
        self._before = acts if self._replied is None else acts[: acts.index(self._replied)]
        self._decided = last_with_version(paper.case, Decide)
        self._you = self._address()

    def _last(self, kind: type[Appoint | EndViewing | Withdraw]) -> DatedAct | None:
        """Before the reply went out."""
        return next((one for one in reversed(self._before) if isinstance(one.act, kind)), None)

    def _address(self) -> str:
        if self._procedure.applicant in AGENCIES:
            return "貴機關"
        return "貴單位" if LEGAL_PERSON in self._paper.text("party") else "台端"

    @property
    def _decision(self) -> Decision | None:
        return self._case.request.decision

    @property
    def kind(self) -> LetterKind:
        request = self._case.request
        if self._last(Withdraw) is not None:
            return LetterKind.WITHDRAWN
        if self._decision is None and self._procedure.chain:
            if request.supplement:
                return LetterKind.SUPPLEMENT
            if request.extended:
                return LetterKind.EXTENDED
            raise Unfit(
                message(
                    "papers.no-reply",
                    "request {number} is not decided yet: there is nothing to answer",
                    number=self._case.row.number,
                )
            )
        if self._decision is None or not self._decision.granted:
            return LetterKind.REFUSED
        if Use.LOOK in self._decision.uses and self._found:
            return LetterKind.LOOKED
        return LetterKind.IN_PART if falls_short(request) else LetterKind.GRANTED

    @property
    def _found(self) -> str:
        """有 or 無, of a look; that it is gone, once nobody can read it any more."""
        if Use.LOOK not in self._procedure.may:
            return ""
        gone = (self._case.row.erased or self._paper.nameless) and self._last(EndViewing) is not None
        return self._paper.text("outcome") or (self._paper.withheld if gone else "")

    def letter(self) -> Letter:
        kind = self.kind
        told = list(self._points(kind))
        points = tuple(
            LetterPoint(f"{numeral(number)}、" if len(told) > 1 else "", line, tuple(_numbered(items)))
            for number, (line, items) in enumerate(told, 1)
        )
        form = "函" if self._case.request.applicant is None else "通知"
        notice = f"（{kind.value}）" if kind in (LetterKind.SUPPLEMENT, LetterKind.EXTENDED) else ""
        return Letter(
            f"{self._paper.profile.office}　{form}{notice}",
            kind,
            self._head(),
            self._subject(kind),
            points,
            self._foot(),
        )

    # --- head and foot ------------------------------------------------------------------------------------------

    def _receiver(self) -> str:
        found = party(self._paper)
        is_person = self._you == "台端" and found not in (self._procedure.words, self._paper.withheld)
        return f"{found}　君" if is_person else found

    def _given(self, name: str) -> str:
        """What stands in a field, where the form has it and it applies."""
        found = next((one for one in self._procedure.fields if one.name == name), None)
        applies = found is not None and forms.applies(self._procedure, found, self._paper.words)
        return self._paper.text(name) if applies else ""

    def _head(self) -> tuple[Line, ...]:
        agent, address = self._given("agent"), self._given("address")
        reply = self._replied.act if self._replied is not None and isinstance(self._replied.act, Reply) else None
        day = self._paper.day(reply.day, self._replied) if reply is not None else NO_DAY
        number = reply.letter if reply is not None and reply.letter else NO_NUMBER
        way = DELIVERIES[Delivery(reply.delivery)] if reply is not None and reply.delivery is not None else NO_WAY
        return (
            _line("受文者：{receiver}", receiver=self._receiver()),
            *([_line("代理人：{agent}", agent=agent)] if agent else []),
            *([_line("地址：{address}", address=address)] if address else []),
            _line("發文日期：中華{day}", day=day),
            _line("發文字號：{letter}", letter=number),
            _line("送達方式：{delivery}", delivery=way),
            *([_line("密等：{secrecy}", secrecy="＿＿＿＿")] if self._secret else []),
        )

    @property
    def _secret(self) -> bool:
        return self._procedure.secrecy and self._decision is not None and Use.COPY in self._decision.uses

    def _foot(self) -> tuple[Line, ...]:
        agent = self._given("agent")
        return (
            _line("正本：{receiver}", receiver=self._receiver()),
            _line("副本：{agent}", agent=agent) if agent else _line("副本："),
        )

    # --- subject ------------------------------------------------------------------------------------------------

    def _subject(self, kind: LetterKind) -> Line:
        wanted = {
            LetterKind.GRANTED: "{outcome}，",
            LetterKind.IN_PART: "{outcome}，",
            LetterKind.REFUSED: "予以{outcome}，",
            LetterKind.WITHDRAWN: "業經{you}{outcome}，本機關不再續行辦理，",
            LetterKind.LOOKED: "{outcome}為「{found}」{you}所描述事實，",
            LetterKind.SUPPLEMENT: "請於{until}以前補正，",
            LetterKind.EXTENDED: "延長處理期間，",
        }[kind]
        return _line(
            "{you}申請{wanted_uses}本機關錄影監視系統影音資料一案（收文號{number}），" + wanted + "請查照。",
            you=self._you,
            wanted_uses=self._asked(),
            number=self._paper.number,
            outcome=kind.value,
            found=self._found,
            until=self._until() if kind is LetterKind.SUPPLEMENT else "",
        )

    def _asked(self) -> str:
        """調閱, 複製 as the form calls it, or both; 調閱 where neither can be told."""
        words = {Use.VIEW: "調閱", Use.COPY: use_word(self._procedure, Use.COPY)}
        return "及".join(word for use, word in words.items() if use in self._case.request.uses) or "調閱"

    def _until(self) -> str:
        asked = last_with_version(self._case, AskSupplement)
        day = asked[1].act.until_day if asked is not None and isinstance(asked[1].act, AskSupplement) else None
        return self._paper.day(day) or NO_DAY

    # --- points -------------------------------------------------------------------------------------------------

    def _points(self, kind: LetterKind) -> Iterator[_Point]:
        yield self._basis(), ()
        by_kind: Mapping[LetterKind, Callable[[], Iterator[_Point]]] = {
            LetterKind.GRANTED: self._granted,
            LetterKind.IN_PART: self._in_part,
            LetterKind.REFUSED: self._refused,
            LetterKind.WITHDRAWN: self._withdrawn,
            LetterKind.LOOKED: self._looked,
            LetterKind.SUPPLEMENT: self._supplement,
            LetterKind.EXTENDED: self._extended,
        }
        yield from by_kind[kind]()

    def _basis(self) -> Line:
        day, number = self._paper.text("letter-date"), self._paper.text("letter-number")
        received = self._paper.day(self._case.row.day)
        if number:
            sign = "" if number.endswith("號") else "號"
            return _line(
                "復{you}{letter_date}{letter_number}"
                + sign
                + "函（本機關{received}收文），依「{title}」{article}辦理。",
                you=self._you,
                letter_date=day,
                letter_number=number,
                received=received,
                title=self._paper.profile.title,
                article=self._clause.article,
            )
        return _line(
            "依{you}之申請（本機關{received}收文）及「{title}」{article}辦理。",
            you=self._you,
            received=received,
            title=self._paper.profile.title,
            article=self._clause.article,
        )

    @property
    def _clause(self) -> ProfileClause:
        """An answer names the first that the procedure carries out."""
        named = self._procedure.clauses[0]
        return next(one for one in self._paper.profile.clauses if one.id == named)

    def _granted(self) -> Iterator[_Point]:
        decision = self._decision
        if decision is None:
            return
        footage = [_line("{footage}", footage=line) for line in self._paper.footage(decision.scope)]
        uses = use_words(self._procedure, decision.uses)
        yield _point("同意事項：{uses}。鏡頭及時段如下：", uses=uses, items=footage)
        if self._procedure.own_data_only:
            yield _point("以調閱當事人資料為限。")
        if self._by_word():
            said = self._decided[1] if self._decided is not None else None
            day = self._paper.day(decision.hand.paper_day, said)
            words = "本案經{by_word}於{word_day}口頭核可，先行辦理；核可人補行簽章前，不提供複製之影音資料。"
            yield _point(words, by_word=decision.hand.post, word_day=day)
        if decision.uses & SHOWN:
            yield from self._viewing(decision)
        if Use.COPY in decision.uses:
            yield from self._copy()
        if Use.HOLD in decision.uses:
            yield self._hold(), ()
        if not decision.uses <= {Use.LOOK, Use.HOLD}:
            brought = [_line("{bring}", bring=one) for one in bring(self._paper)]
            yield _point("到場時請攜帶：", items=brought)
        if why := self._why():
            yield _point("核定意見：{reason}", reason=why)

    def _by_word(self) -> bool:
        """The signature was not there when the letter went out."""
        if self._decided is None:
            return False
        version, told = self._decided
        by_word = isinstance(told.act, Decide) and told.act.hand.door is Door.WORD
        return by_word and not any(isinstance(one.act, Sign) for one in self._before[version - 1 :])

    def _viewing(self, decision: Decision) -> Iterator[_Point]:
        if Use.LOOK in decision.uses:
            yield _point("由本機關人員先行查看，結果另行告知。")
            return
        appointed = self._last(Appoint)
        at_ms = appointed.act.at_ms if appointed is not None and isinstance(appointed.act, Appoint) else None
        companion = self._procedure.companion
        if self._procedure.companion_unit is Unit.CAMERA:
            companion = "、".join(sorted(self._case.request.units - {""})) + companion
        if at_ms is None:
            yield _point("閱覽時間另行約定，閱覽時由{companion}陪同。", companion=companion)
        else:
            moment = self._paper.moment(at_ms)
            words = "請於{appointed}至本機關閱覽，閱覽時由{companion}陪同。"
            yield _point(words, appointed=moment, companion=companion)
        if self._procedure.viewing_copy:
            yield _point("以複製後之影音資料提供閱覽，該複製檔於閱覽完畢後立即銷毀。")
        if self._procedure.once:
            yield _point("本案以調閱一次為限；相同事件如須再次調閱，應另填申請單。")
        yield _point("{not_filmed}", not_filmed="閱覽時不得以任何方式複製、拍攝或翻拍。")

    def _copy(self) -> Iterator[_Point]:
        fee = "所需費用由申請人負擔。" if self._procedure.fee else ""
        secret = "複製之影音資料標示密等及解密條件，應依文書保密作業規定辦理。" if self._procedure.secrecy else ""
        yield _point("複製之影音資料備妥後另行通知，領取時應出示證件並簽收。" + fee + secret)
        if (clause := confidentiality(self._paper)) is not None:
            words = "取得之影音資料限供申請之事由及用途使用；並依前開規定{secret_article}：「{secret_words}」"
            yield _point(words, secret_article=clause.article, secret_words=clause.words[0])

    def _hold(self) -> Line:
        by = self._procedure.capture_by or "本機關"
        held = self._procedure.held
        if held is None:
            return _line("影像由{capture_by}保存於本機關，不對外提供。", capture_by=by)
        return _line("影像由{capture_by}保存於本機關，期限{held}，不對外提供。", capture_by=by, held=term(held))

    def _why(self) -> str:
        return reason(self._paper, self._decided[0]) if self._decided is not None else ""

    def _in_part(self) -> Iterator[_Point]:
        decision, request = self._decision, self._case.request
        yield from self._granted()
        refused = request.uses - decision.uses if decision is not None else frozenset()
        if refused:
            yield _point("未同意事項：{refused}。", refused=use_words(self._procedure, refused))
        asked = [_line("{asked}", asked=line) for line in self._paper.footage(request.asked)]
        yield _point("申請之鏡頭及時段如下，逾前開同意範圍部分，未予同意：", items=asked)
        yield from self._because(with_reason=False)

    def _refused(self) -> Iterator[_Point]:
        yield from self._because(with_reason=True)

    def _because(self, *, with_reason: bool) -> Iterator[_Point]:
        """Reasons, the clause, what to do instead where the text sends whoever asks elsewhere, and the remedy."""
        if with_reason and (why := self._why()):
            yield _point("理由：{reason}", reason=why)
        failed = [
            _line("{failed}", failed=f"{one.words}：{found.outcome}")
            for one in self._procedure.checks
            if (found := self._case.request.outcomes.get(one.name)) is not None
            and not one.all_pass
            and found.outcome == one.outcomes[-1]
        ]
        if failed:
            yield _point("審查結果：", items=failed)
        clause = self._clause
        quoted = [_line("{clause_words}", clause_words=words) for words in clause.words]
        yield _point(
            "依據：「{title}」{clause}：", title=self._paper.profile.title, clause=clause.article, items=quoted
        )
        if self._procedure.instead and denies_by_class(self._procedure, self._case.request):
            yield _point("請改依下列規定辦理：{instead}", instead=self._procedure.instead)
        if self._case.request.applicant is None:
            yield _point("{remedy}", remedy=REMEDY)

    def _withdrawn(self) -> Iterator[_Point]:
        words = "{you}已撤回本件申請；本機關為本案保留之影音資料，於結案後依原保存期限辦理。"
        yield _point(words, you=self._you)
        yield _point("如仍有調閱需要，請另行提出申請。")

    def _looked(self) -> Iterator[_Point]:
        decision = self._decision
        if decision is not None:
            lines = [_line("{footage}", footage=line) for line in self._paper.footage(decision.scope)]
            yield _point("本機關人員先行查看之鏡頭及時段如下：", items=lines)
        yield _point("經查看結果，{found}{you}所描述事實。", found=self._found, you=self._you)
        if self._procedure.instead:
            yield _point("如需調閱影像：{instead}", instead=self._procedure.instead)

    def _supplement(self) -> Iterator[_Point]:
        asked = last_with_version(self._case, AskSupplement)
        why = reason(self._paper, asked[0]) if asked is not None else ""
        yield _point("應補正事項：{reason}", reason=why)
        words = "請於{until}以前補正；補正期間不計入處理期間，逾期未補正者，依現有資料審核決定。"
        yield _point(words, until=self._until())

    def _extended(self) -> Iterator[_Point]:
        told = last_with_version(self._case, Extend)
        why = reason(self._paper, told[0]) if told is not None else ""
        yield _point("延長理由：{reason}", reason=why)
        clock = self._procedure.clock
        if clock is not None and clock.extension:
            unit = "工作日" if clock.working else "日"
            by = f"依{clock.by}規定，" if clock.by else ""
            words = "{by}本案處理期間延長{extension}，以一次為限。"
            yield _point(words, by=by, extension=f"{clock.extension}{unit}")
