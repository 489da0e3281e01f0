"""The walls of the house (design §3), checked on the source: who may import whom, and what every module owes a reader.

A rule is a pure function of a module's name and syntax tree; each one is shown to catch what it is there for.
"""

from __future__ import annotations

import ast
import importlib.metadata
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]

ROOMS: Final = {
    "edged": {"edged", "recorder", "mqtt", "storage"},
    "recorder": {"recorder", "storage"},
    "mqtt": {"mqtt", "storage"},
    "storage": {"storage"},
}
"""Which of our rooms each room may enter."""

KEPT: Final = {
    "av": {
        "recorder.worker.test_pattern",
        "recorder.decoder.playable",
        "recorder.decoder.decode",
    },  # what records a camera does without
    "paho": {"mqtt"},
    "sqlite3": {"storage"},
    "sqlite_utils": {"storage"},
    "asyncio": {"edged", "recorder", "mqtt"},  # storage blocks, and says so
    "aiohttp": {"edged"},
    "click": {"edged"},
    "rich": {"edged"},
    "amqtt": {"edged.demo.broker"},  # an extra that only the demonstration has
    "systemd": {"edged.host.notify"},
    "watchdog": {"edged.host.file_events"},
    "pytest": set(),
    "tests": set(),
}
"""Libraries that not everybody may import: rooms, or single modules."""

LEAN: Final = {
    "sqlite3", "sqlite_utils", "asyncio", "pydantic", "aiohttp", "paho", "click", "rich", "watchdog", "av", "numpy",
}  # fmt: skip
"""What a camera's worker cannot afford, at several MB for each camera; the test pattern loads libav when it starts."""

MAX_LINES: Final = 400
"""A module longer than this is two modules."""
LONGER: Final = {"edged.evidence.verify": 1800}
"""One file by design: it goes into each export, with all that it says in two languages."""
MAX_FUNCTION_LINES: Final = 60
"""A function is seen whole, or not understood."""


@dataclass(frozen=True, slots=True)
class Module:
    name: str
    source: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @property
    def room(self) -> str:
        return self.name.partition(".")[0]


def modules() -> dict[str, Module]:
    found = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = Module(name, path.read_text(encoding="utf-8"))
    return found


HOUSE: Final = modules()


def imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Full names, `from a import b` as `a.b`: it may be a module or not. A relative import stays in its room."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_module_level(tree: ast.Module) -> Iterator[ast.AST]:
    """What runs when the module is imported: everything but the bodies of functions and what only type checkers see."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            waiting.extend(node.orelse)
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def trespasses(module: Module) -> list[str]:
    """Imports that lead the wrong way, and SQL outside of the catalog, wherever in the module they stand."""
    found = []
    for name in imported(ast.walk(module.tree)):
        top = name.partition(".")[0]
        if top in ROOMS and top not in ROOMS[module.room]:
            found.append(f"{module.name} imports {name}: {module.room} may only enter {sorted(ROOMS[module.room])}")
        if top in KEPT and not {module.room, module.name} & KEPT[top]:
            found.append(f"{module.name} imports {name}: only {sorted(KEPT[top]) or 'tests'} may")
    if not module.name.startswith("storage.catalog."):
        calls = (node.func for node in ast.walk(module.tree) if isinstance(node, ast.Call))
        asked = {call.lineno for call in calls if isinstance(call, ast.Attribute) and call.attr.startswith("execute")}
        found += [f"{module.name}, line {line}: only storage.catalog speaks SQL" for line in sorted(asked)]
    return found


def neglects(module: Module) -> list[str]:
    """What a reader misses, or has too much of."""
    tree, found = module.tree, []
    if not (ast.get_docstring(tree) or "").strip():
        found.append(f"{module.name} has no docstring")
    if (lines := len(module.source.splitlines())) > LONGER.get(module.name, MAX_LINES):
        found.append(f"{module.name} has {lines} lines")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                found.append(f"{module.name}.{node.name} has {length} lines")
    return found


def burdens(worker: str, house: dict[str, Module]) -> list[str]:
    """What importing `worker` would load that a worker cannot afford, and through whom."""
    found, seen, waiting = [], set(), [worker]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in house:
            continue
        seen.add(name)
        for loaded in imported(at_module_level(house[name].tree)):
            if loaded.partition(".")[0] in LEAN:
                found.append(f"{name} imports {loaded}")
            waiting += [loaded, loaded.rpartition(".")[0]]
    return found


def entry_modules() -> list[str]:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    return sorted({target.partition(":")[0] for target in scripts.values()})


@pytest.mark.parametrize("module", HOUSE.values(), ids=HOUSE)
def test_imports_run_one_way_and_libraries_stay_in_their_rooms(module: Module) -> None:
    assert trespasses(module) == []


@pytest.mark.parametrize("module", HOUSE.values(), ids=HOUSE)
def test_a_module_says_what_it_is_for_and_stays_readable(module: Module) -> None:
    assert neglects(module) == []


def test_a_worker_stays_lean() -> None:
    assert "recorder.worker.process" in HOUSE
    assert burdens("recorder.worker.process", HOUSE) == []


def test_entry_modules_import_nothing_because_each_worker_runs_them_again() -> None:
    for name in entry_modules():
        assert [i for i in imported(at_module_level(HOUSE[name].tree)) if not i.startswith("__future__")] == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("storage.planted", "from edged import config"),
        ("storage.planted", "import recorder.worker.process"),
        ("recorder.planted", "from mqtt.client.link import Link"),
        ("mqtt.planted", "import recorder"),
        ("recorder.planted", "def late():\n    from edged.config import load"),
        ("edged.planted", "import av.container"),
        ("recorder.planted", "def late():\n    import av"),
        ("storage.planted", "from av import open"),
        ("edged.planted", "import paho.mqtt.client as paho"),
        ("edged.planted", "def late():\n    import sqlite3"),
        ("recorder.planted", "from sqlite_utils import Database"),
        ("storage.planted", "import asyncio"),
        ("edged.planted", "from watchdog.observers import Observer"),
        ("edged.planted", "from amqtt.broker import Broker"),
        ("edged.planted", "from tests.support import footage"),
        ("storage.planted", "def late(db):\n    db.executemany('', [])"),
    ],
)
def test_a_planted_trespass_is_caught(name: str, source: str) -> None:
    assert len(trespasses(Module(name, source))) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("edged.planted", "from recorder import worker\nfrom mqtt.client.link import Link\nimport storage.words.model"),
        ("recorder.planted", "import asyncio\nfrom . import wire"),
        ("recorder.worker.test_pattern", "import av"),
        ("storage.catalog.planted", "def late(db):\n    db.execute('')"),
        ("storage.planted", "import sqlite3\nimport sqlite_utils"),
        ("edged.planted", "import averages\nfrom storages import model"),
    ],
)
def test_what_is_allowed_is_not_caught(name: str, source: str) -> None:
    assert trespasses(Module(name, source)) == []


@pytest.mark.parametrize(
    "source",
    ["import os\n", '"""   """\n', '"""Long."""\n' + "x = 1\n" * MAX_LINES, '"""."""\ndef f():\n' + "    x = 1\n" * 60],
)
def test_a_planted_neglect_is_caught(source: str) -> None:
    assert len(neglects(Module("edged.planted", source))) == 1


def test_a_planted_burden_is_caught_through_others_but_not_where_only_type_checkers_see_it() -> None:
    house = {
        "recorder.worker.process": Module(
            "recorder.worker.process", "from storage import helper\nfrom recorder import light"
        ),
        "storage.helper": Module("storage.helper", "try:\n    import sqlite3\nexcept ImportError:\n    pass"),
        "recorder.light": Module("recorder.light", "if TYPE_CHECKING:\n    import asyncio\ndef f(): import pydantic"),
    }
    assert burdens("recorder.worker.process", house) == ["storage.helper imports sqlite3"]


def test_package_files_hold_nothing_but_a_docstring() -> None:
    packages = [name for name in HOUSE if (ROOT / name.replace(".", "/") / "__init__.py").exists()]
    assert packages
    for name in packages:
        assert len(HOUSE[name].tree.body) == 1, name


def test_every_package_is_installed() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert sorted(setuptools["packages"]["find"]["include"]) == sorted(f"{room}*" for room in ROOMS)
    folders = {path.parent for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_systemd_holds_no_python() -> None:
    assert sorted(path.name for path in (ROOT / "systemd").rglob("*") if path.suffix in {".py", ".pyc", ".pyi"}) == []


def test_the_real_systemd_module_is_found_from_the_source_tree() -> None:
    try:
        importlib.metadata.distribution("systemd-python")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("extra systemd is not installed")
    found = subprocess.run(
        [sys.executable, "-c", "import systemd.daemon; print(systemd.daemon.__file__)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert not Path(found.stdout.strip()).is_relative_to(ROOT / "systemd")


def shell_scripts() -> list[Path]:
    files = [path for folder in ("script", ".ci") for path in sorted((ROOT / folder).iterdir()) if path.is_file()]
    return [path for path in files if path.read_bytes().startswith(b"#!/usr/bin/env bash\n")]


@pytest.mark.parametrize("script", shell_scripts(), ids=lambda script: script.name)
def test_shell_scripts_are_executable_shell(script: Path) -> None:
    assert os.access(script, os.X_OK)
    checked = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, timeout=10, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
