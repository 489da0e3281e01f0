"""The walls of the house (tests/rooms.toml), held against the source: who may import whom, what a module owes a reader.

A rule is a pure function of a module's name and syntax tree; each one is shown to catch what it is there for.
"""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.unit.repository.sources import parsed, product, walked

ROOT: Final = Path(__file__).parents[3]

PLAN: Final = tomllib.loads((ROOT / "tests" / "rooms.toml").read_text(encoding="utf-8"))
PACKAGES: Final[list[str]] = PLAN["packages"]
MAY_ENTER: Final[dict[str, list[str]]] = PLAN["may_enter"]
FLOORS: Final[dict[str, dict[str, int]]] = {
    package: {room: floor for floor, rooms in enumerate(reversed(floors)) for room in rooms}
    for package, floors in PLAN["rooms"].items()
}
"""Of each package: its rooms, and how high each lies; the lowest on floor 0."""

SPEAKS_SQL: Final = re.compile(r"storage\.(database\.\w+|\w+\.(\w+_)?(table|queries))")
"""Modules that may execute SQL."""

KEPT: Final = {
    "av": {
        "recorder.worker.test_pattern",
        "recorder.decoder.decode",
    },  # what records a camera does without
    "paho": {"mqtt"},
    "sqlite3": {"storage"},
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

CONTRACTS: Final = {f"edged.documents.{name}" for name in ("exports", "ledger", "register", "site")}
"""Of a document the name of a class is part of its schema, which does not change: two documents may share one."""

LEAN: Final = {
    "recorder.worker.process": {
        "sqlite3", "asyncio", "pydantic", "aiohttp", "paho", "click", "rich", "watchdog", "av", "numpy",
    },
    "edged.main.daemon": {
        "av", "numpy", "aiohttp", "jinja2", "markdown_it", "click", "rich", "sqlite_utils", "edged.api.server",
        "edged.compliance", "edged.documents", "edged.office.service", "edged.papers",
    },
}  # fmt: skip
"""What a process cannot afford from its start on. A camera's worker would pay several MB for each camera; its test
pattern loads libav when it starts. The daemon loads what answers callers, and what only an office needs, when somebody
asks: 25 MB. sqlite_utils takes the steps of the database, which is seldom, and brings numpy."""


@dataclass(frozen=True, slots=True)
class Module:
    name: str
    source: str

    @property
    def tree(self) -> ast.Module:
        return parsed(self.source)

    @property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Everything in it, wherever it stands."""
        return walked(self.source)

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    @property
    def room(self) -> str:
        """Within its package; "" for the package itself."""
        return room_of(self.name)


def room_of(name: str) -> str:
    """Of the full name of a module, or of something in it."""
    return [*name.split("."), ""][1]


HOUSE: Final = {name: Module(name, source) for name, source in product().items()}


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
    """Imports that lead to a package or a library that the module may not enter, and SQL where none is spoken, wherever
    in the module they stand."""
    found, package = [], module.package
    for name in imported(module.nodes):
        top = name.partition(".")[0]
        if top in PACKAGES and top != package and top not in MAY_ENTER[package]:
            found.append(f"{module.name} imports {name}: {package} may only enter {MAY_ENTER[package]}")
        if top in KEPT and not {package, module.name} & KEPT[top]:
            found.append(f"{module.name} imports {name}: only {sorted(KEPT[top]) or 'tests'} may")
    if not SPEAKS_SQL.fullmatch(module.name):
        found += [f"{module.name}, line {line}: only tables and queries speak SQL" for line in executes(module)]
    return found


def executes(module: Module) -> list[int]:
    """The lines that execute SQL."""
    calls = (node.func for node in module.nodes if isinstance(node, ast.Call))
    return sorted(
        {call.lineno for call in calls if isinstance(call, ast.Attribute) and call.attr.startswith("execute")}
    )


def upwards(module: Module) -> set[str]:
    """Imports within the module's package that lead to another room on the same floor or above."""
    floors, found = FLOORS[module.package], set()
    for name in imported(module.nodes):
        room = room_of(name)
        if name.partition(".")[0] != module.package or room == module.room or room not in floors:
            continue
        if floors[room] >= floors.get(module.room, -1):
            found.add(f"{module.name} -> {name}")
    return found


def homeless(module: Module) -> list[str]:
    """A module that belongs to no room, and imports from rooms that nobody has drawn."""
    found = [module.name] if module.room and module.room not in FLOORS[module.package] else []
    for name in imported(module.nodes):
        package = name.partition(".")[0]
        if package in FLOORS and room_of(name) not in FLOORS[package]:
            found.append(f"{module.name} -> {name}")
    return found


def neglects(module: Module) -> list[str]:
    """What a reader misses."""
    return [] if (ast.get_docstring(module.tree) or "").strip() else [f"{module.name} has no docstring"]


def doubles(package: str, house: dict[str, Module]) -> dict[str, list[str]]:
    """Public classes of one name, and the modules that define them."""
    found: dict[str, list[str]] = {}
    for module in house.values():
        if module.package == package:
            for node in module.tree.body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found.setdefault(node.name, []).append(module.name)
    return {name: where for name, where in found.items() if len(where) > 1}


def burdens(process: str, house: dict[str, Module]) -> list[str]:
    """What importing the module of a process would load that it cannot afford, and through whom."""
    found, seen, waiting = [], set(), [process]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in house:
            continue
        seen.add(name)
        for loaded in imported(at_module_level(house[name].tree)):
            if any(f"{loaded}.".startswith(f"{heavy}.") for heavy in LEAN[process]):
                found.append(f"{name} imports {loaded}")
            waiting += [loaded, loaded.rpartition(".")[0]]
    return found


def entry_modules() -> list[str]:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    return sorted({target.partition(":")[0] for target in scripts.values()})


def test_each_module_has_a_room() -> None:
    assert [found for module in HOUSE.values() for found in homeless(module)] == []
    drawn = {f"{package}.{room}" for package, floors in FLOORS.items() for room in floors}
    assert drawn == {f"{module.package}.{module.room}" for module in HOUSE.values() if module.room}


def test_rooms_are_entered_from_above() -> None:
    found = {arrow for module in HOUSE.values() for arrow in upwards(module)}
    assert sorted(found) == []


def test_imports_run_one_way_and_libraries_stay_in_their_rooms() -> None:
    assert [found for module in HOUSE.values() for found in trespasses(module)] == []


def test_a_public_class_name_stands_once_in_a_package() -> None:
    doubled = {(package, name): where for package in PACKAGES for name, where in doubles(package, HOUSE).items()}
    assert {key: where for key, where in doubled.items() if not set(where) <= CONTRACTS} == {}


def test_a_module_says_what_it_is_for() -> None:
    assert [found for module in HOUSE.values() for found in neglects(module)] == []


@pytest.mark.parametrize("process", LEAN)
def test_a_process_stays_lean(process: str) -> None:
    assert process in HOUSE
    assert burdens(process, HOUSE) == []


def test_entry_modules_import_nothing_because_each_worker_runs_them_again() -> None:
    for name in entry_modules():
        assert [i for i in imported(at_module_level(HOUSE[name].tree)) if not i.startswith("__future__")] == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("storage.planted", "from edged import config"),
        ("storage.planted", "import recorder.worker.process"),
        ("recorder.planted", "from mqtt.client import Link"),
        ("mqtt.planted", "import recorder"),
        ("recorder.planted", "def late():\n    from edged.config import load"),
        ("edged.planted", "import av.container"),
        ("recorder.planted", "def late():\n    import av"),
        ("storage.planted", "from av import open"),
        ("edged.planted", "import paho.mqtt.client as paho"),
        ("edged.planted", "def late():\n    import sqlite3"),
        ("recorder.planted", "from sqlite3 import Connection"),
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
        ("edged.planted", "from recorder import worker\nfrom mqtt.client import Link\nimport storage.words.model"),
        ("recorder.planted", "import asyncio\nfrom . import wire"),
        ("recorder.worker.test_pattern", "import av"),
        ("storage.pins.table", "def late(db):\n    db.execute('')"),
        ("storage.planted", "import sqlite3"),
        ("edged.planted", "import averages\nfrom storages import model"),
    ],
)
def test_what_is_allowed_is_not_caught(name: str, source: str) -> None:
    assert trespasses(Module(name, source)) == []


@pytest.mark.parametrize("source", ["import os\n", '"""   """\n'])
def test_a_planted_neglect_is_caught(source: str) -> None:
    assert len(neglects(Module("edged.api.planted", source))) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("storage.pins.planted", "from storage.ring.sweep import Sweeper"),
        ("storage.pins.planted", "def late():\n    from storage.store import facade"),
        ("storage.tickets.planted", "import storage.exports.service"),
        ("recorder.words.planted", "from recorder.worker import recording"),
        ("edged.host.planted", "from edged.api.server import Control"),
    ],
)
def test_a_planted_way_upwards_is_caught(name: str, source: str) -> None:
    assert len(upwards(Module(name, source))) == 1


def test_ways_downwards_and_within_a_room_are_not_caught() -> None:
    source = "from storage.pins import table\nfrom storage.words.model import Moment\nimport msgspec"
    assert upwards(Module("storage.pins.planted", source)) == set()


@pytest.mark.parametrize(
    ("name", "source"),
    [("storage.attic", ""), ("edged.attic.planted", "import os"), ("edged.api.planted", "import storage.attic")],
)
def test_a_planted_module_without_a_room_is_caught(name: str, source: str) -> None:
    assert len(homeless(Module(name, source))) == 1


def test_a_planted_double_is_caught() -> None:
    house = {
        "storage.a.b": Module("storage.a.b", "class Order:\n    pass\nclass _Row:\n    pass"),
        "storage.c": Module("storage.c", "class Order:\n    pass\nclass _Row:\n    pass"),
        "mqtt.d": Module("mqtt.d", "class Order:\n    pass"),
    }
    assert doubles("storage", house) == {"Order": ["storage.a.b", "storage.c"]}
    assert doubles("mqtt", house) == {}


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
    assert sorted(setuptools["packages"]["find"]["include"]) == sorted(f"{package}*" for package in PACKAGES)
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
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
