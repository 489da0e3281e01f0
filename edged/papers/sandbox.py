"""A template of the office, rendered in a process of its own: `python -m edged.papers.sandbox`.

Jinja's sandbox keeps a template from reaching anything but its values. What it cannot keep it from is working without
end, or writing without end: that ends with this process, which has so much time and memory and no more. Template and
values come in as JSON; the page goes out, or one line that says what is wrong, with exit code 1.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Final

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

CPU_S: Final = 2
"""A form takes milliseconds."""
MEMORY_BYTES: Final = 256 << 20
PAGE_MAX: Final = 4_000_000
"""Characters of a page: a form has ten thousand."""


def main() -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    given = json.load(sys.stdin)
    shelf = ImmutableSandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
    try:
        page = shelf.from_string(given["template"]).render(given["values"])
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        return _wrong(f"{f'line {line}: ' if line else ''}{error.message or type(error).__name__}")
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError, MemoryError) as error:
        return _wrong(f"{type(error).__name__} {error}".strip())
    if len(page) > PAGE_MAX:
        return _wrong(f"{len(page)} characters")
    sys.stdout.write(page)
    return 0


def _wrong(why: str) -> int:
    sys.stderr.write(" ".join(why.split())[:200])
    return 1


if __name__ == "__main__":
    sys.exit(main())
