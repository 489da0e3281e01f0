"""Entry points. Imports nothing at module level: each process that checks the ledger runs the importing script again.

Readable by any Python 3, so that one that is too old, or lacks edged's libraries, is told so in a sentence.
"""


def daemon() -> int:
    """`edged`"""
    return _run("edged", "edged.main.start")


def ctl() -> int:
    """`edgectl`"""
    return _run("edgectl", "edged.cli.main")


def command() -> int:
    """`edged-command`"""
    return _run("edged-command", "edged.command")


def _run(program: str, module: str) -> int:
    import gc
    import importlib
    import os
    import sys

    # multiprocessing starts what helps us as `python -c`, which looks for modules first where somebody stands.
    os.environ["PYTHONSAFEPATH"] = "1"
    if tuple(sys.version_info) < (3, 11):
        found = "{}.{}".format(*sys.version_info)
        return _unusable(program, f"needs Python 3.11 or newer, and {sys.executable} is Python {found}")
    try:
        main = importlib.import_module(module).main
        return int(main())
    except ImportError as error:
        if (error.name or "").partition(".")[0] in ("", "edged", "recorder", "storage", "mqtt"):
            raise
        return _unusable(program, f"cannot use its libraries in {sys.executable} ({error})")
    finally:
        gc.freeze()  # else Python searches all that was imported once more when it ends: half a second of a restart


def _unusable(program: str, what: str) -> int:
    """Failed; to whoever asked for a verdict: unknown. systemd tries again, in case they are just being installed."""
    import json
    import sys

    anew = "or make that anew: script/install for a service, else script/setup run"
    action = f"start {program} from the .venv of its folder, {anew}"
    code = 3 if program == "edgectl" and "--check" in sys.argv else 1
    if program == "edgectl" and "--json" in sys.argv:
        document = {"schema": "edged.error/1", "error": f"{program} {what}", "action": action, "exit": code}
        sys.stdout.write(json.dumps(document) + "\n")
    else:
        sys.stderr.write(f"{program}: {what}; {action}\n")
    return code
