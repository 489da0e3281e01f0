"""The manual is made of the command line, all of it, and whatever a document says stays text."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
from hypothesis import given
from hypothesis import strategies as st

from edged.cli.main import VERBS, edgectl
from edged.cli.options import CAMERA
from edged.command import cli as command
from edged.main.command_line import cli as daemon
from script.generate import roff
from script.generate import verbs as tree
from script.generate.manual import SHELL, pages

ROOT: Final = Path(__file__).parents[4]
PAGES: Final = pages(ROOT / "docs", "0.0.0")


def test_everything_that_can_be_typed_is_on_the_first_page_and_on_its_own() -> None:
    """Also a verb in a group in a group."""
    plain = {name: text.replace("\\", "") for name, text in PAGES.items()}
    found = list(tree.verbs(edgectl, "edgectl"))
    assert {typed.split()[1] for typed, _ in found} == set(VERBS)
    for typed, one in found:
        own = plain[f"edgectl-{typed.split()[1]}.1"]
        for page in (plain["edgectl.1"], own):
            assert typed in page
            for parameter in one.params:
                for option in parameter.opts if isinstance(parameter, click.Option) else ():
                    assert option in page, f"{typed} {option}"
    for program, name, page in ((daemon, "edged", "edged.8"), (command, "edged-command", "edged-command.1")):
        for typed, _ in tree.verbs(program, name):
            assert typed in plain[page]


def test_every_example_can_be_typed() -> None:
    for line in SHELL:
        for part in line.split(" && "):
            program, *words = part.split()
            assert program == "edgectl"
            within: click.Command = edgectl
            context = edgectl.make_context("edgectl", list(words))
            while isinstance(within, click.Group) and words:
                name, found, words = within.resolve_command(context, words)
                assert found is not None
                within, context = found, found.make_context(name, list(words), parent=context)


@given(
    st.lists(st.sampled_from([".br", "'quoted'", "a\\b", "-x", "中文", ".", "**strong", "`--code`", "#1"]), min_size=1)
)
def test_no_text_becomes_a_request(words: list[str]) -> None:
    """Whatever a document says, a line that begins with a dot or a quote is ours."""
    made = roff.page("x", 1, "0", "    " + "\n    ".join(words) + "\n\n" + "\n".join(words))
    requests = {".TH", ".nh", ".ad", ".PP", ".RS", ".nf", ".fi", ".RE", ".IP", ".PD", ".SH", ".SS"}
    for line in made.splitlines():
        assert not line.startswith(("'", ".")) or line.split()[0] in requests, line


def test_every_camera_that_is_asked_for_is_completed() -> None:
    for typed, one in tree.verbs(edgectl, "edgectl"):
        for parameter in one.params:
            if parameter.name in ("camera", "cameras"):
                assert parameter.type is CAMERA, typed
