"""The words of what stands alone or is signed: the verifier of exports, the check of a statement, and its limits.

They are messages like all others, and translated in the same catalogues. `edged/evidence/verify.py` imports nothing of
ours, and what a statement says is signed: so their words are written into them by `script/messages`, between two marks.
In a sentence of the verifier `{camera}` becomes name and id, and `{cause}` the cause in the language of the sentence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from storage.words.model import GAP_CAUSES

Told = tuple[str, str]
"""Code and English."""


def message(code: str, english: str) -> Told:
    """Called as the product's own, so that it is extracted alike."""
    return code, english


class Line(NamedTuple):
    """+ is proven, ! is to be known, x is wrong."""

    sign: str
    told: Told


VERIFIER: Final = (
    Line(
        "+", message("verify.signed", "The list of this export was signed with the key {key}, and not changed since.")
    ),
    Line("+", message("verify.pinned", "That key is the one you named.")),
    Line("+", message("verify.whole", "All {count} files on the list are here, byte for byte, and no others.")),
    Line(
        "+",
        message(
            "verify.ledger",
            "The {count} ledger entries that the list cites are in the ledger of {size} entries that the "
            "recorder signed.",
        ),
    ),
    Line(
        "+",
        message(
            "verify.original",
            "{camera}: the {parts} fragments of its films, {pictures} pictures, are exactly what was recorded.",
        ),
    ),
    Line(
        "+",
        message(
            "verify.complete",
            "{camera}: {begin} to {end} is accounted for: recorded {recorded}, gaps {missing}, destroyed {destroyed}.",
        ),
    ),
    Line(
        "+",
        message(
            "verify.timed",
            "{camera}: the times of films, subtitles and list are those written down while it was recorded.",
        ),
    ),
    Line("+", message("verify.copied", "The ledger knows of this copy: {export}, made by “{who}”, reason “{reason}”.")),
    Line(
        "!",
        message(
            "verify.compare",
            "Compare the fingerprint {key} with the one the office published: only then is it certain whose it is.",
        ),
    ),
    Line("!", message("verify.zone", "All times here are those of {zone}, UTC{offset}.")),
    Line("!", message("verify.gap", "{camera}: not recorded from {begin} to {end}: {cause}.")),
    Line(
        "!",
        message(
            "verify.pauses", "{camera}: between {begin} and {end} there are no pictures for {missing} in all: {cause}."
        ),
    ),
    Line(
        "!",
        message(
            "verify.destroyed",
            "{camera}: the footage of {begin} to {end} had been destroyed before the export, as the ledger tells.",
        ),
    ),
    Line(
        "!",
        message(
            "verify.unproven",
            "{camera}: the file of {begin} to {end} was found on the disk afterwards; nothing from the time "
            "itself vouches for it.",
        ),
    ),
    Line(
        "!",
        message(
            "verify.unsynced",
            "{camera}: the recorder's clock was not in sync from {begin} to {end}; these times may be wrong.",
        ),
    ),
    Line(
        "!",
        message(
            "verify.beside",
            "{camera}: the clock was set meanwhile: {count} entries more lie between, of {begin} to {end}, "
            "which was not asked for.",
        ),
    ),
    Line(
        "!",
        message(
            "verify.late",
            "{camera}: the gap from {begin} to {end} (entry {leaf}) was written down later than the footage after it.",
        ),
    ),
    Line(
        "!",
        message(
            "verify.earlier",
            "The earlier ledger {origin}, {size} entries, is vouched for by the first entry of the one that "
            "follows it.",
        ),
    ),
    Line(
        "!", message("verify.litter", "{file} was made by a computer of its own accord, and is no part of the export.")
    ),
    Line("x", message("verify.missing", "The file {file} is missing.")),
    Line("x", message("verify.added", "The file {file} was added: it is not on the signed list.")),
    Line("x", message("verify.link", "{file} is no ordinary file but a link or a device.")),
    Line("x", message("verify.unreadable", "{file} cannot be read.")),
    Line("x", message("verify.damaged", "{file} is not written as it must be: {what}.")),
    Line(
        "x",
        message(
            "verify.name", "The list has {file} twice, or a name that differs from it only by upper and lower case."
        ),
    ),
    Line(
        "x",
        message(
            "verify.stray",
            "The list contradicts itself about {file}: listed but proven by nothing, or used but not listed.",
        ),
    ),
    Line("x", message("verify.length", "{file} has {found} bytes instead of {expected}.")),
    Line(
        "x",
        message(
            "verify.content", "The content of {file} is not what was exported: it was changed, or is from elsewhere."
        ),
    ),
    Line("x", message("verify.edited", "{file} was changed after it was signed.")),
    Line(
        "x",
        message("verify.signature", "The signature in {file} does not hold: changed since, or not of this recorder."),
    ),
    Line(
        "x",
        message("verify.other-key", "{file} goes with another key: it is of another recorder, or of another export."),
    ),
    Line(
        "x",
        message("verify.not-your-key", "It was signed with the key of fingerprint {key}, not with the one you named."),
    ),
    Line("x", message("verify.head", "{file} is not the head of the ledger that the list names.")),
    Line(
        "x",
        message(
            "verify.generation",
            "The first entry of the ledger {origin} does not fit the list: nothing shows where it comes from.",
        ),
    ),
    Line("x", message("verify.leaf-missing", "Ledger entry {leaf} is missing.")),
    Line(
        "x",
        message(
            "verify.leaf",
            "Ledger entry {leaf} is not in the signed ledger: its text was changed, or it is from elsewhere.",
        ),
    ),
    Line(
        "x",
        message(
            "verify.leaf-other", "Ledger entry {leaf} tells of something else, and does not prove what the list says."
        ),
    ),
    Line("x", message("verify.hashes", "{file}: the hashes of the segment of {begin} are not those in the ledger.")),
    Line("x", message("verify.header", "The header of {file} is not the one that was recorded.")),
    Line(
        "x",
        message(
            "verify.header-other",
            "{file}: from {begin} on the header of what was recorded is not that of the film, which shows it "
            "otherwise.",
        ),
    ),
    Line(
        "x",
        message("verify.part-changed", "{file}: fragments {first} to {last}, about {begin} to {end}, were changed."),
    ),
    Line(
        "x",
        message("verify.part-missing", "{file}: fragments {first} to {last}, about {begin} to {end}, were taken out."),
    ),
    Line(
        "x",
        message(
            "verify.part-order",
            "{file}: at fragments {first} to {last}, about {begin} to {end}, stand some that are doubled, "
            "moved or from elsewhere.",
        ),
    ),
    Line(
        "x",
        message("verify.part-broken", "{file}: fragments {first} to {last}, about {begin} to {end}, make no sense."),
    ),
    Line("x", message("verify.layout", "{file} is not laid out as the list says.")),
    Line("x", message("verify.tail", "{file} holds something behind the film that does not belong there.")),
    Line(
        "x",
        message(
            "verify.source",
            "{file} is not the segment that was recorded: its size or SHA-256 are not those in the ledger.",
        ),
    ),
    Line(
        "x",
        message("verify.hole", "{camera}: nothing accounts for {begin} to {end}: footage or entries were taken away."),
    ),
    Line("x", message("verify.absent", "{camera}: {begin} to {end} was recorded, but is not in this copy.")),
    Line("x", message("verify.cut", "{camera}: {begin} to {end} was recorded, but not all of it is in the film.")),
    Line("x", message("verify.times", "{camera}: the list says {said}, the ledger {true}.")),
    Line(
        "x",
        message(
            "verify.film-times", "{file}: from {begin} on the times of the film were shifted and do not follow on."
        ),
    ),
    Line("x", message("verify.sound", "{file}: from {begin} on sound and pictures were moved against each other.")),
    Line("x", message("verify.subtitles", "{file}: a subtitle says {said} where the film is of {true}.")),
    Line("x", message("verify.copy", "Entry {leaf}, of this copy, does not fit the list: {what}.")),
)
LIMITS: Final = (
    message(
        "verify.limit.truth", "That what the camera saw is true, or who is seen: only that it is what was recorded."
    ),
    message("verify.limit.elsewhere", "That nothing was filmed elsewhere, or by other cameras."),
    message(
        "verify.limit.later",
        "What was written down after the signed head, such as a gap withdrawn since: ask the centre or the auditor.",
    ),
    message(
        "verify.limit.untrue", "That nobody who held the recorder and its key wrote untrue entries in the first place."
    ),
    message(
        "verify.limit.program",
        "This program and the page themselves: where it matters, get verify.py from the office and not from "
        "the folder.",
    ),
)
TITLES: Final = (
    Line("x", message("verify.title.wrong", "Wrong")),
    Line("+", message("verify.title.proven", "Proven")),
    Line("!", message("verify.title.known", "To be known")),
    Line("-", message("verify.title.not-proven", "Not proven by this")),
)
VERDICTS: Final = (
    ("True", message("verify.verdict.intact", "Nothing wrong was found")),
    ("False", message("verify.verdict.not-intact", "Something is wrong, see below")),
)
STATEMENT: Final = (
    Line("+", message("statement.signed", "It was signed with the key {key}, and not changed since.")),
    Line("+", message("statement.pinned", "That key is the one you named.")),
    Line(
        "+",
        message(
            "statement.head",
            "The head of the ledger that it rests on, {origin} with {size} entries, is signed with the same key.",
        ),
    ),
    Line("+", message("statement.agrees", "Its figures agree with each other.")),
    Line(
        "!",
        message(
            "statement.states",
            "{camera}, {month}: recorded {recorded}, not recorded {missing}, unexplained {unexplained}; "
            "destroyed {destroyed}.",
        ),
    ),
    Line("!", message("statement.early", "It says itself that {count} were destroyed below their floor.")),
    Line("!", message("statement.late", "It says itself that {count} were destroyed beyond their ceiling.")),
    Line(
        "!",
        message(
            "statement.uncovered", "Part of the entries up to {leaf} was not under a signed head when it was made."
        ),
    ),
    Line("!", message("statement.headless", "It rests on no signed head of the ledger.")),
    Line(
        "!",
        message(
            "statement.compare",
            "Compare the fingerprint {key} with the one the office published: only then is it certain whose it is.",
        ),
    ),
    Line("x", message("statement.damaged", "The file is not written as it must be: {what}.")),
    Line(
        "x",
        message(
            "statement.signature", "The signature does not hold: it was changed since, or is not of this recorder."
        ),
    ),
    Line("x", message("statement.other-key", "It is signed with another key than the one it names.")),
    Line(
        "x",
        message(
            "statement.not-your-key", "It was signed with the key of fingerprint {key}, not with the one you named."
        ),
    ),
    Line(
        "x",
        message(
            "statement.other-head",
            "The head of the ledger in it is not the one that the statement names, or not signed with its key.",
        ),
    ),
    Line("x", message("statement.sums", "Its figures contradict each other: {what}.")),
)
STATEMENT_LIMITS: Final = (
    message(
        "statement.limit.untrue",
        "That nobody who held the recorder and its key wrote untrue entries in the first place.",
    ),
    message(
        "statement.limit.sound",
        "That the files which are still kept are sound: they were not read for this (edgectl fsck --level hash).",
    ),
    message(
        "statement.limit.copies",
        "That copies which left the recorder, or were taken from a screen, are destroyed, too.",
    ),
    message("statement.limit.view", "That the camera showed what it should while it was recorded."),
    message(
        "statement.limit.longer",
        "That anything was kept for longer than is stated: only time that can be proven is counted. Dates are "
        "the recorder's.",
    ),
    message("statement.limit.after", "Whatever happened after it was made."),
)

Words = Callable[[str, Told], str]
"""The words of a language for a message."""


def verifier(words: Words) -> Iterator[str]:
    """The tables of `verify.py`, line by line."""
    yield 'WORDS = """'
    yield from _lines(VERIFIER, words)
    yield '"""'
    yield '_CAUSES = """'
    for cause, text in GAP_CAUSES.items():
        told = text.code, str(text)
        yield f"{cause}|{words('zh_TW', told)}|{words('en', told)}"
    yield '"""'
    yield '_LIMITS = """'
    yield from _limits(LIMITS, words)
    yield '"""'
    yield "TITLES = {"
    for sign, told in TITLES:
        yield f'    "{sign}": {_pair(told, words)},'
    yield "}"
    yield "VERDICTS = {"
    for intact, told in VERDICTS:
        yield f"    {intact}: {_pair(told, words)},"
    yield "}"


def statement(words: Words) -> Iterator[str]:
    """Those of `statement.py`."""
    yield '_LIMITS: Final = """'
    yield from _limits(STATEMENT_LIMITS, words)
    yield '"""'
    yield '_WORDS: Final = """'
    yield from _lines(STATEMENT, words)
    yield '"""'


def _lines(lines: tuple[Line, ...], words: Words) -> Iterator[str]:
    for sign, told in lines:
        yield f"{sign} {told[0].partition('.')[2]}"
        yield words("zh_TW", told).replace("{cause}", "{cause_zh}")
        yield words("en", told).replace("{cause}", "{cause_en}")


def _limits(limits: tuple[Told, ...], words: Words) -> Iterator[str]:
    for one in limits:
        yield words("zh_TW", one)
        yield words("en", one)


def _pair(told: Told, words: Words) -> str:
    return f"({_quoted(words('zh_TW', told))}, {_quoted(words('en', told))})"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
