"""No page speaks of a verb, an option, a key, an alarm, a topic, a cause, an exit code, a file or a page that there is
not.

That each of them is written down is tested elsewhere: test_cli_docs.py, test_mqtt_docs.py, test_manual.py.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click
import pytest
from pydantic import BaseModel

from edged.cli.main import INTERRUPTED, edgectl
from edged.cli.status import EXIT_OF
from edged.command import cli as command
from edged.config import model as config_model
from edged.words import exit_codes
from edged.words.catalogue import template
from script.generate import asyncapi
from script.generate import verbs as tree
from storage.words.model import GapCause
from tests.conftest import LONG_MINUTES
from tests.faults.edged.main.night import quotes

ROOT: Final = Path(__file__).parents[3]
DOCS: Final = ROOT / "docs"
FILES: Final = {
    **{path.name: path for path in (ROOT / "README.md", ROOT / "DESIGN.md", *sorted(DOCS.glob("*.md")))},
    **{f"design/{path.name}": path for path in sorted(DOCS.glob("design/*.md"))},
}
PAGES: Final = {name: path.read_text("utf-8") for name, path in FILES.items()}
PROGRAMS: Final[dict[str, click.Group]] = {"edgectl": edgectl, "edged-command": command}
CODE: Final = re.compile(r"`([^`\n]+)`|^    ( *\S.*)$", re.MULTILINE)
"""Between backticks, or indented as what is typed."""
TYPED: Final = re.compile(r"\b(edgectl|edged-command) ((?:[^\s|&;()#→]+ ?)+)")
LINK: Final = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
PATH: Final = re.compile(r"`((?:edged|recorder|mqtt|storage|tests|script|docs|fleet|systemd|bench)/[\w./-]*)`")
OTHERS: Final = {"ledger.key", "office.key", "office.keys", "clock.hardware"}
"""Named like alarms: files, and a check of doctor."""


def typed(text: str) -> Iterator[tuple[str, list[str]]]:
    """What a page says that one types: the program and its words."""
    for inline, block in CODE.findall(text):
        for program, words in TYPED.findall(inline or block):
            yield program, words.split()


def mistakes(program: str, words: Sequence[str]) -> list[str]:
    """Verbs and options in a line that the program does not have. A line may stop short: it is about the verb."""
    at, found, shown = PROGRAMS[program], [], " ".join([program, *words])
    left = [word for word in words if word not in ("…", "...")]
    inner: click.Command = at
    while left and isinstance(inner, click.Group):
        word = left.pop(0)
        if word.startswith("-"):
            found += _unknown_option(inner, word, shown)
            if left and any(word in one.opts and not getattr(one, "is_flag", True) for one in inner.params):
                left.pop(0)
            continue
        if not re.fullmatch(r"[a-z-]+", word):
            break  # VERB, an ellipsis, a sentence that goes on
        context = click.Context(inner)
        below = inner.get_command(context, word)
        if below is None:
            return [*found, f"{shown}: there is no {word}"]
        inner = below
    return found + [
        mistake for word in left if word.startswith("--") for mistake in _unknown_option(inner, word, shown)
    ]


def _unknown_option(at: click.Command, word: str, shown: str) -> list[str]:
    known = {option for parameter in at.params for option in (*parameter.opts, *parameter.secondary_opts)}
    name = word.partition("=")[0].rstrip(".,:`")
    return [] if name in known | {"--help", "-h", "--version"} else [f"{shown}: there is no {name}"]


@pytest.mark.parametrize("page", PAGES)
def test_what_one_is_told_to_type_exists(page: str) -> None:
    assert [mistake for line in typed(PAGES[page]) for mistake in mistakes(*line)] == []


@pytest.mark.parametrize(
    "line",
    [
        "edgectl deltee",
        "edgectl pin remove X",
        "edgectl status --wacth",
        "edgectl --confg x status",
        "edged-command go",
    ],
)
def test_a_verb_or_an_option_that_there_is_not_is_found(line: str) -> None:
    """Negative control, inline and in a block."""
    for text in (f"Type `{line}` now.", f"x:\n\n    {line}\n"):
        assert [mistake for found in typed(text) for mistake in mistakes(*found)], text


def test_most_of_what_there_is_to_type_is_seen() -> None:
    """The reader of pages reads: nearly every verb is typed somewhere."""
    said = {" ".join([program, *words]) for text in PAGES.values() for program, words in typed(text)}
    for one, _ in tree.verbs(edgectl, "edgectl"):
        assert any(line.startswith(one) for line in said), one


@pytest.mark.parametrize("page", PAGES)
def test_alarms_and_topics_that_a_page_names_exist(page: str) -> None:
    alarms = {key.partition(":")[0] for key in re.findall(r"^\| `([^`]+)` \|", PAGES["alarms.md"], re.MULTILINE)}
    families = "|".join(sorted({key.partition(".")[0] for key in alarms} - {"internal", "roles", "fault"}))
    named = re.findall(rf"(?<![\w./-])`((?:{families})\.[a-z]+(?:-[a-z]+)*)(?::[^`]*)?`", PAGES[page])
    modules = {name for name in named if (ROOT / name.replace(".", "/")).with_suffix(".py").exists()}
    events = set(re.findall(r"`edged\.([a-z.-]+)`", PAGES["mqtt-events.md"]))
    assert set(named) - alarms - modules - events - OTHERS == set()
    topics = {re.sub(r"<[^>]*>|\{[^}]*\}|\+|#", "+", topic.strip()) for topic in _topics(PAGES[page])}
    known = [re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(tail))) for tail in asyncapi.TAILS.values()]
    known += [re.compile(r"(up|dn)/(event/|cmd/)?\+")]
    assert [topic for topic in sorted(topics) if not any(one.fullmatch(topic) for one in known)] == []


def _topics(text: str) -> list[str]:
    found = re.findall(r"`(?:edged/v1/[^/`]+/)?((?:up|dn)/[^`\s]+)`", text)
    return [topic.rstrip("/") for topic in found if not topic.endswith(("/", "…"))]


def test_every_example_of_the_configuration_has_only_keys_that_exist() -> None:
    for name, text in PAGES.items():
        for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL):
            raw = tomllib.loads(block)
            if raw.keys() <= config_model.Config.model_fields.keys():
                assert _strange(config_model.Config, raw) == [], name


def _strange(model: type[BaseModel], table: dict[str, Any], where: str = "") -> list[str]:
    """Keys that the model does not have; in tables and lists of tables, too."""
    found = [f"{where}{key}" for key in table if key not in model.model_fields]
    for key, value in table.items():
        field = model.model_fields.get(key)
        inner = [kind for kind in _models(field.annotation) if isinstance(kind, type)] if field else []
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and inner:
                found += _strange(inner[0], one, f"{where}{key}.")
    return found


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [one for part in getattr(annotation, "__args__", ()) for one in _models(part)]


def test_a_key_that_there_is_not_is_found() -> None:
    raw = tomllib.loads('[site]\nnoed = "x"\n[[cameras]]\nid = "a"\nexpect = { widht = 1 }\n')
    assert _strange(config_model.Config, raw) == ["site.noed", "cameras.expect.widht"]


def astray(text: str, beside: Path) -> list[str]:
    """Links of a page in the folder `beside` that lead nowhere, and paths of this repository that there are not."""
    found = []
    for target, part in LINK.findall(text):
        if ":" in target:
            continue  # elsewhere
        file = beside / target
        there = text if not target else file.read_text("utf-8") if file.suffix == ".md" and file.is_file() else ""
        if not file.exists() or (part and part not in headings(there)):
            found.append(f"{target}#{part}" if part else target)
    return found + [path for path in PATH.findall(text) if not (ROOT / path).exists()]


def headings(text: str) -> set[str]:
    """As links name them."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_leads_to_exists(page: str) -> None:
    assert astray(PAGES[page], FILES[page].parent) == []


@pytest.mark.parametrize(
    "text", ["[a page](nowhere.md)", "[a part](README.md#nowhere)", "[a part](#nowhere)", "`storage/pins/desk.py`"]
)
def test_a_link_or_a_path_that_leads_nowhere_is_found(text: str) -> None:
    """Negative control; the same beside what exists."""
    assert len(astray(text, ROOT)) == 1
    assert astray("# A part\n[a](#a-part) [b](README.md#first) [c](docs/) `storage/pins/`", ROOT) == ["README.md#first"]


def twice(text: str) -> list[str]:
    """40 characters that stand in one of its paragraphs a second time; examples, lists and tables repeat themselves as
    they must.
    """
    prose = re.sub(r"```.*?```|^(?:\||    |#|- |  )[^\n]*$", "", text, flags=re.DOTALL | re.MULTILINE)
    found: list[str] = []
    for paragraph in prose.split("\n\n"):
        words = " ".join(paragraph.split())
        parts = Counter(words[at : at + 40] for at in range(len(words) - 39))
        found += [part for part, count in parts.items() if count > 1]
    return found


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_told_twice(page: str) -> None:
    """As after two changes of one sentence, of which both stayed."""
    assert twice(PAGES[page])[:1] == []
    whole = "An audit looks at hashes, and at what the auditor names, in company and once another person agrees."
    assert twice(f"Pictures go. {whole}\n{whole.replace('in company', 'alone')}")


@pytest.mark.parametrize("page", [name for name in PAGES if name.startswith("design/") or name == "DESIGN.md"])
def test_promises_that_a_design_page_cites_are_promises(page: str) -> None:
    """By their ids, as DESIGN.md has them."""
    promised = set(re.findall(r"^- \*\*([SL]\d+)\*\*", PAGES["DESIGN.md"], re.MULTILINE))
    assert promised == {*(f"S{number}" for number in range(1, 15)), *(f"L{number}" for number in range(1, 6))}
    assert set(re.findall(r"\b([SL]\d+)\b", PAGES[page])) - promised == set()


def test_the_house_is_drawn_as_it_stands() -> None:
    """Each package with its rooms, from top to bottom; rooms that share a line share it there, too."""
    plan = tomllib.loads((ROOT / "tests" / "rooms.toml").read_text("utf-8"))["rooms"]
    drawn = re.findall(r"^\| (\w+) \| keeps \|\n\| --- \| --- \|\n((?:\|.*\n)+)", PAGES["DESIGN.md"], re.MULTILINE)
    rooms = {package: [row.split("|")[1].strip().split(" · ") for row in rows.splitlines()] for package, rows in drawn}
    assert rooms == plan


def unruly(glossary: str) -> list[str]:
    """Rows that stand twice or in the wrong place, lack a Chinese word, or name a room that is not there."""
    plan = tomllib.loads((ROOT / "tests" / "rooms.toml").read_text("utf-8"))["rooms"]
    rooms = {"fleet", *(f"{package}.{room}" for package, floors in plan.items() for floor in floors for room in floor)}
    found, last = [], ""
    for row in re.findall(r"^\| (?!English|---).*$", glossary, re.MULTILINE):
        term, chinese, _, where = row.strip("| ").split(" | ")
        if term.casefold() <= last or not re.search("[\u4e00-\u9fff—]", chinese) or {*where.split(", ")} - rooms:
            found.append(row)
        last = term.casefold()
    return found


def test_the_glossary_has_each_term_once_with_a_room_that_is_there() -> None:
    assert PAGES["glossary.md"].count("\n| ") > 90
    assert unruly(PAGES["glossary.md"]) == []


@pytest.mark.parametrize(
    "row",
    [
        "| worker | 錄影行程 | again | recorder.worker |",
        "| zoo | zoo | x | storage.pins |",
        "| zoo | 園 | x | storage.zoo |",
    ],
)
def test_a_row_of_the_glossary_that_is_wrong_is_found(row: str) -> None:
    """Negative control: a term that stands twice, without a Chinese word, with a room that is not there."""
    assert unruly(f"{PAGES['glossary.md']}{row}\n") == [row]


@pytest.mark.parametrize("page", PAGES)
def test_causes_and_exit_codes_that_a_page_names_exist(page: str) -> None:
    causes = set(re.findall(r"(?:gap )?cause `([a-z-]+)`", PAGES[page]))
    assert causes - {cause.value for cause in GapCause} == set()
    codes = {int(code) for code in re.findall(r"exit code (\d+)", PAGES[page])}
    known = {value for name, value in vars(exit_codes).items() if name.isupper()} | {INTERRUPTED, *EXIT_OF.values()}
    assert codes - known == set()


def test_each_thing_that_goes_wrong_at_night_is_tried() -> None:
    """With the words that the page quotes (tests/faults/edged/main/night.py)."""
    tried = "".join(path.read_text("utf-8") for path in (ROOT / "tests" / "faults").rglob("test_*.py"))
    assert {int(number) for number in re.findall(r"unsaid\((\d+), \w", tried)} >= quotes().keys()
    assert list(quotes()) == list(range(1, len(quotes()) + 1))


def test_how_long_the_long_forms_take_is_said_of_files_that_are_there() -> None:
    assert [name for name in LONG_MINUTES if not (ROOT / name).exists()] == []


QUOTED: Final = re.compile(r"(?:`([^`]*)`|\| ([^|]*?))（[^（]*?`[^`]*`[^`）]*）?\s*<!-- code: ([^>]*) -->")
"""What a screen says, in Chinese and in English, and the codes of the messages that it is made of."""


def unknown_words(quote: str, codes: Iterable[str]) -> set[str]:
    """Chinese words of a quote that none of these messages has."""
    literals = [part.strip() for code in codes for part in re.split(r"\{\w+\}", template("zh_TW", code) or "")]
    for literal in sorted(literals, key=len, reverse=True):
        quote = quote.replace(literal, " ") if len(literal) > 1 else quote
    left = set(re.findall(r"[\u4e00-\u9fff]{2,}", quote))
    return {word for word in left if not any(word in literal for literal in literals)}


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/*.zh_TW.md"), key=str), ids=lambda page: page.name)
def test_chinese_pages_quote_what_a_chinese_screen_says(page: Path) -> None:
    text = page.read_text("utf-8")
    found = [(quote or cell, codes.split(", ")) for quote, cell, codes in QUOTED.findall(text)]
    assert len(found) == text.count("<!-- code: ")
    assert {quote: left for quote, codes in found if (left := unknown_words(quote, codes))} == {}


def test_a_quote_that_no_screen_says_is_found() -> None:
    assert unknown_words("攝影機 lobby 沒有錄音：這個位址沒有回應", ["alarm.camera-down", "session.no-answer"]) == {
        "沒有錄音"
    }
