"""What people can type is written down: verbs and options in docs/edgectl.md, keys in docs/configuration.md."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest
from pydantic import BaseModel

from edged.cli.main import VERBS, edgectl
from edged.config import model as config_model
from edged.config.load import check
from edged.words import exit_codes
from storage.words.model import GapCause
from tests.support import tls
from tests.support.authority import Authority, write

DOCS: Final = Path(__file__).parents[3] / "docs"
EDGECTL: Final = (DOCS / "edgectl.md").read_text("utf-8")
CONFIGURATION: Final = (DOCS / "configuration.md").read_text("utf-8")

TABLES: Final[dict[str, type[BaseModel]]] = {
    "[site]": config_model.Site,
    "[paths]": config_model.Paths,
    "[[volumes]]": config_model.VolumeConfig,
    "[recording]": config_model.Recording,
    "[retention]": config_model.RetentionConfig,
    "[pins]": config_model.Pins,
    "[roles]": config_model.Roles,
    "[office]": config_model.OfficeConfig,
    "[[cameras]]": config_model.CameraConfig,
    "[mqtt]": config_model.BrokerConfig,
    "[[commanders]]": config_model.Commander,
}


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(edgectl)
    for name in VERBS:
        found = edgectl.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from ((f"{name} {inner}", command) for inner, command in found.commands.items())
        else:
            yield name, found


def chapter(text: str, heading: str) -> str:
    """From a heading to the next of any level."""
    found = re.search(rf"^#+ [^\n]*{re.escape(heading)}[^\n]*\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no chapter {heading}"
    return found[1]


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_every_verb_and_option_is_documented(name: str, command: click.Command) -> None:
    text = chapter(EDGECTL, f"`edgectl {name}`")
    interval = chapter(EDGECTL, "`edgectl gaps`")
    for parameter in command.params:
        for option in parameter.opts:
            if option == "--json":
                continue  # described once, for all
            if isinstance(parameter, click.Argument):
                assert parameter.human_readable_name in text
            else:
                assert f"`{option}" in (interval if name == "segments" else text), f"{name} {option}"


def test_global_options_and_what_all_verbs_share_are_documented() -> None:
    for parameter in edgectl.params:
        for option in parameter.opts:
            assert f"`{option}" in EDGECTL
    assert "`--json`" in EDGECTL
    for _, command in commands():
        assert any("--json" in parameter.opts for parameter in command.params)


def test_every_cause_of_a_gap_is_documented() -> None:
    told = re.findall(r"^\| `([a-z-]+)` \|", chapter(EDGECTL, "`edgectl gaps`"), re.MULTILINE)
    assert told == [cause.value for cause in GapCause]


def test_every_exit_code_is_documented() -> None:
    codes = {value for name, value in vars(exit_codes).items() if name.isupper()}
    assert codes == {int(code) for code in re.findall(r"^\| (\d+) \|", chapter(EDGECTL, "Exit codes"), re.MULTILINE)}


@pytest.mark.parametrize("table", TABLES)
def test_every_key_is_documented_with_its_default(table: str) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", chapter(CONFIGURATION, f"`{table}`"), re.MULTILINE))
    fields = {name: field for name, field in TABLES[table].model_fields.items() if not field.exclude}
    assert rows.keys() == fields.keys()
    for name, field in fields.items():
        assert (rows[name] == "required") == field.is_required(), f"{table} {name}"
        if isinstance(field.default, bool):
            assert rows[name] == f"`{str(field.default).lower()}`"
        elif isinstance(field.default, (str, Path)) and str(field.default):
            assert rows[name] == f'`"{field.default}"`'


def test_the_tables_are_all_there_are() -> None:
    assert {table.strip("[]") for table in TABLES} == config_model.Config.model_fields.keys()


def test_inner_keys_are_documented() -> None:
    text = chapter(CONFIGURATION, "`[[cameras]]`")
    for model in (config_model.Expect, config_model.CameraRetentionConfig):
        for name in model.model_fields:
            assert f"`{name}`" in text


def test_the_full_example_is_valid_and_full(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", CONFIGURATION, re.DOTALL)
    assert example
    raw = tomllib.loads(example[1])
    (tmp_path / "cameras.pem").write_text(tls.AUTHORITY.read_text())
    for name in ("lobby.password", "gate.password", "mqtt.password"):
        (tmp_path / name).write_text("word")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "mqtt").mkdir()
    authority = Authority()
    write(tmp_path / "mqtt", authority, authority.sign("wenshan-main"), "wenshan-main")
    (tmp_path / "edged.toml").write_text(example[1], "utf-8")
    problems, _ = check(tmp_path / "edged.toml", {})
    assert not problems
    for table, model in TABLES.items():
        value = raw[table.strip("[]")]
        used = {key for item in (value if isinstance(value, list) else [value]) for key in item}
        assert used == {name for name, field in model.model_fields.items() if not field.exclude}, table
