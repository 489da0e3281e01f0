"""Whether what a person typed of himself can be right: numbers of persons and companies, telephones, names and text.

Each function says what looks wrong, or None. It warns and refuses nothing: a request is never bounced. Full-width signs
and small letters are read as usual ones. No message holds the number, only the one sign in it that cannot be. Pure.

- 身分證字號: a letter, 1 or 2, eight digits. 居留證 (統一證號): since 2021 the same with 8 or 9 in the place of 1 or 2;
  before, and until 2030, a second letter A to D. All have one check digit (內政部).
- 統一編號: eight digits; since April 2023 what they come to is divisible by 5, before by 10 (財政部財政資訊中心,
  營利事業統一編號檢查碼邏輯修正說明). Numbers by the former rule are right by the present one, too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from edged.words.units import quoted
from storage.words.message import Message, message

PERSON_LENGTH: Final = 10
COMPANY_LENGTH: Final = 8
FEWEST_PHONE_DIGITS: Final = 7
"""A telephone of the same city."""
MOST_PHONE_DIGITS: Final = 15
"""With the code of the country; ITU-T E.164."""

_DIGITS: Final = "0123456789"
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVXYWZIO"
"""In the order of their values, which begin with 10."""
_SECOND: Final = "1289ABCD"
_PERSON_WEIGHTS: Final = (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)
"""Of the two digits of the letter's value, then of the rest."""
_COMPANY_WEIGHTS: Final = (1, 2, 1, 2, 1, 2, 4, 1)
_PHONE: Final = re.compile(r"(\+?[0-9() -]*)(?:(?:#|轉|分機|ext\.?)[0-9 -]*)?", re.IGNORECASE)
DASHES: Final = str.maketrans(dict.fromkeys("\u2010\u2012\u2013\u2014\u2015\u2212\u2500", "-"))
"""What is typed for a hyphen and looks like one."""

_COMPATIBILITY_IDEOGRAPHS: Final = re.compile("([\uf900-\ufaff\U0002f800-\U0002fa1f]+)")
_DIRECTIONS: Final = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""Bidirectional classes of signs that do nothing but turn the direction of writing."""
_MARKS: Final = "\u200e\u200f\u061c"
"""The same for one place."""
_BLANKS: Final = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters to Unicode, and nothing to see."""


def as_number(text: str) -> str:
    """With usual signs for full-width ones, capital letters, and no blanks around it."""
    return unicodedata.normalize("NFKC", text).strip().upper()


def person_number_fault(text: str) -> Message | None:
    """Of a 身分證字號 or a number of a 居留證."""
    number = as_number(text)
    if len(number) != PERSON_LENGTH:
        return _wrong_length(number, PERSON_LENGTH)
    first, second, digits = number[0], number[1], number[2:]
    if first not in _LETTERS:
        return message(
            "office.person-number.letter", "it begins with {character}, where a letter belongs", character=quoted(first)
        )
    if second not in _SECOND:
        return message(
            "office.person-number.second",
            "its second character is {character}; it is 1 or 2 in a 身分證字號, 8 or 9 (formerly A to D) in a 居留證",
            character=quoted(second),
        )
    if fault := _no_digit(digits, after=2):
        return fault
    values = [*divmod(_value(first), 10), _value(second) % 10, *map(int, digits)]
    if sum(weight * value for weight, value in zip(_PERSON_WEIGHTS, values, strict=True)) % 10:
        return _wrong_check()
    return None


def _value(character: str) -> int:
    return int(character) if character in _DIGITS else _LETTERS.index(character) + 10


def company_number_fault(text: str) -> Message | None:
    """Of a 統一編號."""
    number = as_number(text)
    if len(number) != COMPANY_LENGTH:
        return _wrong_length(number, COMPANY_LENGTH)
    if fault := _no_digit(number, after=0):
        return fault
    if not int(number):
        return message("office.company-number.zeros", "no company has the number of zeros")
    products = [weight * int(digit) for weight, digit in zip(_COMPANY_WEIGHTS, number, strict=True)]
    total = sum(sum(divmod(product, 10)) for product in products)
    # Of a 7 in the seventh place the product is 28, its digits come to 10, and that may count as 1 or as 0.
    if total % 5 and not (number[6] == "7" and (total + 1) % 5 == 0):
        return _wrong_check()
    return None


def _wrong_length(number: str, length: int) -> Message:
    return message(
        "office.number.length", "it has {count} characters, and {length} belong there", count=len(number), length=length
    )


def _no_digit(digits: str, after: int) -> Message | None:
    """For the first that is none; `after`: how many characters stand before."""
    for position, character in enumerate(digits, after + 1):
        if character not in _DIGITS:
            return message(
                "office.number.digit",
                "character {position} is {character}, where a digit belongs",
                position=position,
                character=quoted(character),
            )
    return None


def _wrong_check() -> Message:
    return message("office.number.check", "its check digit does not fit: a digit is wrong, or two were swapped")


def phone_fault(text: str) -> Message | None:
    """Roughly: digits, with +, -, brackets and blanks between them, and an extension after # (轉, 分機)."""
    number = unicodedata.normalize("NFKC", text).strip().translate(DASHES)
    found = next(_PHONE.finditer(number))  # as far as it goes; it may be nothing
    end = found.end()
    if end < len(number):
        return message(
            "office.phone.character",
            "character {position} is {character}, which does not belong there in a telephone number",
            position=end + 1,
            character=quoted(number[end]),
        )
    count = sum(character in _DIGITS for character in found[1])
    if not FEWEST_PHONE_DIGITS <= count <= MOST_PHONE_DIGITS:
        return message(
            "office.phone.digits",
            "it has {count} digits; a telephone number has {fewest} to {most}",
            count=count,
            fewest=FEWEST_PHONE_DIGITS,
            most=MOST_PHONE_DIGITS,
        )
    return None


def plain_text(text: str) -> str:
    """As it is kept: NFC, lines ended by LF, whole.

    Compatibility ideographs stay as they are. NFC would put another form of the sign in their place, and rare signs of
    names (CNS 11643) are among them.
    """
    parts = _COMPATIBILITY_IDEOGRAPHS.split(text.replace("\r\n", "\n"))
    return "".join(part if number % 2 else unicodedata.normalize("NFC", part) for number, part in enumerate(parts))


def is_blank(text: str) -> bool:
    """Whether there is nothing in it to read."""
    return all(map(_is_blank, text))


def plain_text_faults(text: str, max_length: int, *, lines: bool = False) -> list[Message]:
    """What is wrong with a name or a text, as `plain_text` has it: one message for each kind, by the first such sign.

    `max_length` is in characters (code points). `lines`: it may have several, and tabs. Signs of private use are fine:
    offices have names with 造字.
    """
    plain, faults = plain_text(text), []
    if len(plain) > max_length:
        faults.append(
            message(
                "office.text.too-long",
                "it has {count} characters, and at most {limit} can be kept",
                count=len(plain),
                limit=max_length,
            )
        )
    if is_blank(plain):
        faults.append(message("office.text.blank", "there is nothing in it to read"))
    if where := _first(plain, lambda sign: _is_control(sign) and not (lines and sign in "\n\t")):
        faults.append(
            message("office.text.control", "character {position} is the control character {character}", **where)
        )
    if where := _first(plain, lambda sign: unicodedata.bidirectional(sign) in _DIRECTIONS or sign in _MARKS):
        faults.append(
            message(
                "office.text.direction",
                "character {position} ({character}) turns the direction of writing, so that other things are read",
                **where,
            )
        )
    if where := _first(plain, lambda sign: unicodedata.category(sign) == "Cs"):
        faults.append(
            message(
                "office.text.half", "character {position} ({character}) is half of one, and cannot be kept", **where
            )
        )
    return faults


def _is_control(sign: str) -> bool:
    """Separators of lines and paragraphs, too."""
    return unicodedata.category(sign) in {"Cc", "Zl", "Zp"}


def _is_blank(sign: str) -> bool:
    return _is_control(sign) or unicodedata.category(sign) in {"Zs", "Cf"} or sign in _BLANKS


def _first(text: str, is_unfit: Callable[[str], bool]) -> dict[str, int | str]:
    """Where it stands, and which it is; empty for none."""
    for position, sign in enumerate(text, 1):
        if is_unfit(sign):
            return {"position": position, "character": f"U+{ord(sign):04X}"}
    return {}
