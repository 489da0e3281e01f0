"""What a person is told: English text that knows its code and its values.

A message is made where something is found, and becomes text where a person reads it, in the reader's language
(`edged.words.catalogue`). What is stored and sent is the code and the values beside the English text. For logs and
programs it is that text. Pure; imports the standard library alone.

A value is shown by the unit in its name, in every language by its own rules:

- `…_s` is a duration in seconds, shown in at most two units: "31d 4h", "48s".
- `…_bytes` is a size in decimal units: "1.87 TB".
- `…_at` is a moment, RFC 3339.
- `…_on` is a legal day, ISO 8601, which a person reads with years of the Republic: "115.11.25".
- A list is an enumeration, with commas; `sentences` have semicolons, `lines` a line each.
- A message in a message is read like any other. All else is shown as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Self, TypeAlias, TypedDict

Value: TypeAlias = "str | int | float | list[str]"
BETWEEN: Final = {"sentences": "; ", "lines": "\n"}
"""In English; the parts of any other list are apart by commas."""
_TRAILING: Final = re.compile(r"\.0+ ")


class Message(str):
    """One sentence, or a part of one, in English. `code` is stable and stands for it in the catalogue; "" is text that
    has none: of a version that knew no codes, or a stranger's.
    """

    __slots__ = ("code", "values")
    code: str
    values: Mapping[str, Value]

    def __new__(cls, text: str, code: str = "", values: Mapping[str, Value] | None = None) -> Self:
        made = super().__new__(cls, text)
        made.code = code
        made.values = values or {}
        return made

    def __getnewargs__(self) -> tuple[str, str, Mapping[str, Value]]:  # type: ignore[override]  # for pickle
        return str(self), self.code, self.values

    @property
    def data(self) -> dict[str, Any]:
        """The values as JSON has them; those that are messages as `told`."""
        return {name: _plain(value) for name, value in self.values.items()}

    @property
    def told(self) -> dict[str, Any]:
        """All of it as JSON has it: `text`, `code` and `values`."""
        return {"text": str(self), "code": self.code, "values": self.data}

    @property
    def kept(self) -> str:
        """All of it as one text, for a column or a file that earlier versions wrote the text alone into."""
        return json.dumps(self.told, ensure_ascii=False) if self.code else str(self)

    @classmethod
    def recalled(cls, kept: str) -> Self:
        """Of what `kept` wrote, or an earlier version."""
        try:
            told = json.loads(kept) if kept.startswith("{") else None
        except ValueError:
            told = None
        return cls._value(told) if isinstance(told, Mapping) and "text" in told else cls(kept)  # type: ignore[return-value]

    @classmethod
    def of(cls, text: str, code: str = "", values: Mapping[str, Any] | None = None) -> Self:
        """As it was stored or sent: messages among the values are `told`."""
        return cls(text, code, {name: cls._value(value) for name, value in (values or {}).items()})

    @classmethod
    def _value(cls, value: Any) -> Value:
        if isinstance(value, list):
            return [str(cls._value(one)) if isinstance(one, int | float) else cls._value(one) for one in value]  # type: ignore[misc]
        if isinstance(value, Mapping):
            values = value.get("values")
            return cls.of(
                str(value.get("text", "")), str(value.get("code", "")), values if isinstance(values, Mapping) else {}
            )
        return value if isinstance(value, str | int | float) else str(value)


def message(code: str, english: str, /, **values: Value) -> Message:
    """`english` is the text with its values in braces, by name. KeyError for a value that is not given."""
    return Message(filled(english, values, shown), code, values)


class WithAdvice(TypedDict):
    """A sentence and what to do, as they are stored and sent."""

    text: str
    action: str
    code: str
    values: dict[str, Any]
    action_code: str
    action_values: dict[str, Any]


def with_advice(text: Message, action: Message) -> WithAdvice:
    return WithAdvice(
        text=str(text),
        action=str(action),
        code=text.code,
        values=text.data,
        action_code=action.code,
        action_values=action.data,
    )


NOTHING: Final = Message("")
"""Where there is nothing to say."""


def as_message(text: str) -> Message:
    """As it is; of plain text, a message without a code."""
    return text if isinstance(text, Message) else Message(text)


def joined(parts: Iterable[Message]) -> Message:
    """One sentence after the other, without those that say nothing; NOTHING for none."""
    said: list[str] = [part for part in parts if part]
    if len(said) > 1:
        return message("list.sentences", "{sentences}", sentences=said)
    return as_message(said[0]) if said else NOTHING


def in_lines(parts: Iterable[Message]) -> Message:
    """The same, each on a line of its own."""
    said: list[str] = [part for part in parts if part]
    return message("list.lines", "{lines}", lines=said)


def filled(template: str, values: Mapping[str, Value], show: Callable[[str, Value], str]) -> str:
    """The template with its values as `show` has them. KeyError for one that is not given."""
    return template.format_map({name: show(name, value) for name, value in values.items()})


def shown(name: str, value: Value) -> str:
    """In English."""
    if isinstance(value, list):
        return BETWEEN.get(name, ", ").join(value)
    if isinstance(value, str):
        return str(value)
    if name.endswith("_s"):
        return approximate_duration(value)
    if name.endswith("_bytes"):
        return _TRAILING.sub(" ", format_size(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(value: Value) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, Message):
        return value.told if value.code else str(value)
    return value


def approximate_duration(seconds: float) -> str:
    """At most two units, for reading at a glance: "31d 4h", "2h 5m", "48s"."""
    rest = max(0, round(seconds))
    words: list[str] = []
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, length)
        if count or words:
            words.append(f"{count}{unit}" if count else "")
        if len(words) == 2:
            break
    return " ".join(filter(None, words)) or "0s"


def format_size(size: float) -> str:
    """Three digits and a decimal unit, as disks are sold: "1.87 TB", "512 B"."""
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if abs(value) < 999.5:
            break
        value, unit = value / 1000, larger
    digits = 0 if unit == "B" or abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
    return f"{value:.{digits}f} {unit}"
