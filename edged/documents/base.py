"""What every document is. Imports pydantic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from storage.words.message import Message

Values: TypeAlias = dict[str, Any]
"""Of a message, by name: text, numbers, lists, or messages with `text`, `code` and `values` of their own."""
CODE: Final = 'names the sentence in `text`; stable; "" where the text has no code'
VALUES: Final = "values of the sentence, by name; `…_s`: seconds, `…_bytes`: bytes, `…_at`: a moment (RFC 3339)"


class Document(BaseModel):
    """Closed and unchangeable: a field that is not named here is a defect."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)


def told_in(document: BaseModel, field: str = "text") -> Message:
    """What a field says, with the code and the values beside it."""
    beside = "" if field == "text" else f"{field}_"
    return Message.of(
        getattr(document, field) or "", getattr(document, f"{beside}code"), getattr(document, f"{beside}values")
    )


class Told(Document):
    """A sentence for a person."""

    text: str
    code: str = Field(default="", description=CODE)
    values: Values = Field(default={}, description=VALUES)

    @property
    def told(self) -> Message:
        return Message.of(self.text, self.code, self.values)


def told_of(texts: Sequence[str], told: Sequence[Told]) -> list[Message]:
    """Sentences with what an earlier version did not send beside them: their codes."""
    return [one.told for one in told] or [Message(text) for text in texts]
