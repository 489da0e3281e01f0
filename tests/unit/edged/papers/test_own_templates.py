"""Templates of an office: one that is good, and all that can be wrong with one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from edged.papers import sandbox
from edged.papers.annexes import form_values
from edged.papers.render import TEMPLATE_MAX, TemplateUnusable, own_template, render_own
from tests.support.papers import fields, page, told

DOCUMENT: Final = Path(__file__).parents[4] / "docs" / "papers.md"
NESTED: Final = "".join(f"{{% for {one} in range(99999) %}}" for one in "abc") + "{% endfor %}" * 3


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return tmp_path / "附表一.html"


def test_the_example_of_the_document_makes_a_form(template: Path) -> None:
    (example,) = re.findall(r"```html\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    template.write_text(example, "utf-8")
    case = told("P-police", {"reason": "<b>查案</b>"}).paper()
    shown = page(render_own(template, form_values(case)))
    assert fields(shown) == {one.name: case.text(one.name) for one in case.case.procedure.fields}
    signed = [one.text for one in shown.having("data-signature")]
    assert len(signed) == len(case.case.procedure.chain)
    assert "115-0007" in shown.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"{{ applicant }}", "'applicant' is undefined"),
        (b"{{ field.colour.text }}", "has no attribute 'colour'"),
        (b"{% for one in fields %}", "line 1: "),
        (b"{{ ''.__class__.__mro__ }}", "unsafe"),
        (b"{{ fields.append(1) }}", "unsafe"),
        (b"{% include '/etc/passwd' %}", "no loader"),
        (b"{{ 'x' * 9999999999 }}", "MemoryError"),
        (b"{{ range(100001) }}", "Range too big"),
        (b"{{ 1 / 0 }}", "ZeroDivisionError"),
        (NESTED.encode(), "too much time"),
        ("{{ number }} 申請".encode("big5"), "not UTF-8"),
        (b" " * (TEMPLATE_MAX + 1), "longer than"),
        (None, "No such file"),
    ],
)
def test_a_template_that_cannot_be_used_is_told(template: Path, text: bytes | None, said: str) -> None:
    if text is not None:
        template.write_bytes(text)
    with pytest.raises(TemplateUnusable) as raised:
        render_own(template, form_values(told("P-police").paper()))
    assert raised.value.why.startswith(f"the template {template} cannot be used: ")
    assert said in raised.value.why


def pipe(at: Path) -> None:
    os.mkfifo(at)


def link(at: Path) -> None:
    (at.parent / "elsewhere").write_text("a secret of the daemon", "utf-8")
    at.symlink_to("elsewhere")


@pytest.mark.parametrize("made", [pipe, link, Path.mkdir])
def test_what_is_no_plain_file_is_told_at_once_and_not_followed(template: Path, made: Callable[[Path], None]) -> None:
    made(template)
    assert own_template(template.parent, [template.name]) == template
    with pytest.raises(TemplateUnusable, match="has to be a plain file"):
        render_own(template, {})


def test_a_link_to_nothing_is_told(template: Path) -> None:
    template.symlink_to("nowhere")
    assert own_template(template.parent, [template.name]) == template


def test_a_directory_that_nobody_may_enter_is_told_by_its_template(
    template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def barred(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "lstat", barred)
    assert own_template(template.parent, [template.name]) == template


def test_it_is_rendered_by_what_is_installed_and_not_by_what_lies_around(
    template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (template.parent / "jinja2.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(template.parent)
    template.write_text("{{ 1 + 1 }}")
    assert render_own(template, {}) == "2"


def test_the_limits_are_far_above_a_form() -> None:
    assert 100 * len(str(form_values(told("J-public").paper()))) < sandbox.PAGE_MAX


def test_the_first_name_that_is_there_counts(tmp_path: Path) -> None:
    names = ("P-police.html", "附表一.html")
    assert own_template(None, names) is None
    assert own_template(tmp_path, names) is None
    (tmp_path / names[1]).touch()
    assert own_template(tmp_path, names) == tmp_path / names[1]
    (tmp_path / names[0]).touch()
    assert own_template(tmp_path, names) == tmp_path / names[0]
