"""The manual: which pages there are, and what of the command line and of docs/ each is made of. Pure but for `pages`.

`man edgectl` is everything that can be typed, with exit codes and places; `man edgectl-pin` one verb in full;
`man edged-night` what goes wrong at night. What docs/ says is not said a second time here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click

from edged import command as commanding
from edged.cli.main import VERBS, edgectl
from edged.main import command_line as daemon
from edged.words.value_types import DEFAULT_CONFIG, DEFAULT_SOCKET, DEFAULT_STATE, DEFAULT_VOLUME
from script.generate import roff
from script.generate import verbs as tree

HERE: Final = "/opt/edged/current/share/edged/docs"
DOCUMENTS: Final = {
    "edged.toml.5": ("configuration.md", "the configuration of edged"),
    "edged-alarms.7": ("alarms.md", "every alarm of edged, and what it is about"),
    "edged-night.7": ("night.md", "what goes wrong at night: what the screen says, what to do"),
    "edged-roles.7": ("roles.md", "who may call which verb of edgectl"),
}
"""Pages that are a page of docs/."""
SHELL: Final = {
    "edgectl status": "How is it? The last line is the verdict and the first thing to do.",
    "edgectl doctor": "What is the matter with the box: clock, disks, files, network. Works with the daemon down.",
    "edgectl alarms": "What is wrong, since when, and what to do.",
    "edgectl gaps --from -24h": "What was not recorded in the last day, and why.",
    "edgectl segments --camera lobby --from -2h": "The files of the last two hours of one camera.",
    "edgectl probe rtsp://10.0.0.11/stream1 --username viewer": "Look at a camera before it is added.",
    "edgectl config check && edgectl reload": "After the configuration was changed.",
    "edgectl fsck --level hash": "Is everything that should be there whole? Reads all of it.",
}
"""Examples: what one types, and what for."""
_FILES: Final = f"""\
- `{DEFAULT_CONFIG}`: the configuration, edged.toml(5); passwords beside it.
- `{DEFAULT_STATE}`: catalog (索引), ledger (稽核軌跡), the key that signs it.
- `{DEFAULT_VOLUME}`: footage, unless the configuration names other volumes (錄影硬碟).
- `{DEFAULT_SOCKET}`: where the daemon listens.
- `{HERE}`: the documents of the version that runs."""
_OF_ALL: Final = """\
- `--json`: with every verb: print one JSON document instead of a screen.
- `-h`, `--help`: with every verb: what it takes."""
_ENVIRONMENT: Final = """\
- `LC_ALL`, `LC_MESSAGES`, `LANG`: with `zh_TW` screens are in Traditional Chinese, except on a Linux console.
- `COLUMNS`, `NO_COLOR`: width of the screen; without colours."""
_SIGNALS: Final = """\
- `SIGTERM`, `SIGINT`: stops in order: every segment is completed and committed, 10 s at most.
- `SIGHUP`: as `edgectl reload`; what came of it is in the journal."""


def pages(docs: Path, version: str) -> dict[str, str]:
    """By file name. Reads `docs`."""
    text = {path.name: path.read_text("utf-8") for path in docs.glob("*.md")}
    made = {"edgectl.1": _edgectl(text["edgectl.md"])}
    made |= {f"edgectl-{verb}.1": _verb(verb, text["edgectl.md"]) for verb in VERBS}
    made |= {"edged.8": _edged(text["edgectl.md"]), "edged-command.1": _command(text["edgectl.md"])}
    for name, (file, about) in DOCUMENTS.items():
        made[name] = f"{_name(name, about)}\n\n## Description\n\n{_without_title(text[file])}\n\n{_also('edgectl(1)')}"
    return {name: roff.page(*_split(name), version, markdown) for name, markdown in made.items()}


def _edgectl(docs: str) -> str:
    examples = "\n".join(f"- `{typed}`: {what}" for typed, what in SHELL.items())
    return "\n\n".join(
        (
            _name("edgectl.1", tree.said(edgectl)),
            "## Synopsis\n\n`edgectl [--config FILE] [--socket PATH] [--lang en|zh_TW] VERB [--json]`",
            "## At night\n\n`edgectl status`, then `edgectl doctor`; what they say is explained by `man edged-night`.",
            f"## Options\n\n{tree.options(edgectl)}\n{_OF_ALL}",
            f"## Verbs\n\nEach has a page of its own, `man edgectl-status`.\n\n{tree.whole(edgectl, 'edgectl')}",
            f"## Exit status\n\n{_chapter(docs, 'Exit codes')}",
            f"## Environment\n\n{_ENVIRONMENT}",
            f"## Files\n\n{_FILES}",
            f"## Examples\n\n{examples}",
            _also("edged-night(7), edged-alarms(7), edged-roles(7), edged.toml(5), edged(8), edged-command(1)"),
        )
    )


def _verb(verb: str, docs: str) -> str:
    """With its subverbs: how it is called, and what docs/edgectl.md tells of it, with what stands before."""
    commands = [one for one in tree.verbs(edgectl, "edgectl") if one[0].split()[1] == verb]
    return "\n\n".join(
        (
            _name(f"edgectl-{verb}.1", _sentence(commands[0][1])),
            "## Synopsis\n\n" + "\n\n".join(f"`{tree.usage(typed, command)}`" for typed, command in commands),
            f"## Description\n\n{_told(docs, verb)}",
            "## Options\n\n" + "\n\n".join(f"### `{typed}`\n\n{tree.options(command)}" for typed, command in commands),
            _also("edgectl(1)"),
        )
    )


def _edged(docs: str) -> str:
    return "\n\n".join(
        (
            _name("edged.8", tree.said(daemon.cli)),
            "## Synopsis\n\n`edged [--config FILE] [--verbose]`\n\n`edged demo [--seconds N]`",
            f"## Options\n\n{tree.options(daemon.cli)}",
            f"## Verbs\n\n{tree.whole(daemon.cli, 'edged')}",
            f"## Signals\n\n{_SIGNALS}",
            f"## Exit status\n\n{_chapter(docs, 'Exit codes')}",
            f"## Files\n\n{_FILES}",
            "## Diagnostics\n\nAll that edged says is in the journal: `journalctl -u edged`, with what it means: `-x`.",
            _also("edgectl(1), edged.toml(5), edged-night(7)"),
        )
    )


def _command(docs: str) -> str:
    return "\n\n".join(
        (
            _name("edged-command.1", tree.said(commanding.cli)),
            "## Synopsis\n\n`edged-command VERB`",
            f"## Options\n\n{tree.options(commanding.cli)}",
            f"## Verbs\n\n{tree.whole(commanding.cli, 'edged-command')}",
            f"## Exit status\n\n{_chapter(docs, 'Exit codes')}",
            _also("edged.toml(5)"),
        )
    )


def _split(name: str) -> tuple[str, int]:
    title, _, section = name.rpartition(".")
    return title, int(section)


def _name(name: str, about: str) -> str:
    return f"## Name\n\n{_split(name)[0]} \\- {about.splitlines()[0].rstrip('.')}"


def _sentence(command: click.Command) -> str:
    return " ".join((command.short_help or tree.said(command)).split("\n\n")[0].split())


def _also(pages_: str) -> str:
    return f"## See also\n\n{pages_}, `{HERE}`"


def _without_title(text: str) -> str:
    return re.sub(r"\A# .*\n", "", text)


def _chapter(text: str, heading: str) -> str:
    """From a heading of the second level to the next."""
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def _told(docs: str, verb: str) -> str:
    """The chapters of a verb and its subverbs; what stands in front of all of its part goes before them."""
    made = []
    for part in re.split(r"^## .*\n", docs, flags=re.MULTILINE)[1:]:
        before, *chapters = re.split(r"^(?=### )", part, flags=re.MULTILINE)
        mine = [chapter for chapter in chapters if re.match(rf"### `edgectl {re.escape(verb)}[ `]", chapter)]
        made += [before, *mine] if mine else []
    return "".join(made)
