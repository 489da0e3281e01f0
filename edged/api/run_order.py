"""Carrying out what a person ordered: on a thread, with what may be wrong with it as one refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from edged.access.callers import Refusal
from edged.words import exit_codes
from storage.words.errors import OrderRefused, OrderWrong, RetryError, SamePerson, UnknownId

T = TypeVar("T")


async def carried_out(work: Callable[[], T]) -> T:
    """What `work` answers; Refusal with the words of whatever refused it."""
    try:
        return await asyncio.to_thread(work)
    except (UnknownId, OrderWrong) as error:
        raise Refusal(error.what, error.action, exit_codes.USAGE, status=404) from None
    except SamePerson as error:
        raise Refusal(error.what, error.action, exit_codes.NOT_ALLOWED, status=403) from None
    except OrderRefused as error:
        raise Refusal(error.what, error.action, exit_codes.FAILED, status=409) from None
    except RetryError as error:
        raise Refusal(error.what, error.action, exit_codes.TRY_LATER, status=503) from None
