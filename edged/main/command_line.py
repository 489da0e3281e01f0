"""What a person may type behind `edged`; a service types `--config` alone and loads none of this (`main.start`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from edged.main.start import run
from edged.words import exit_codes, help_screens
from edged.words.catalogue import language_of
from edged.words.value_types import DEFAULT_CONFIG


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", "config_path", type=click.Path(path_type=Path), default=DEFAULT_CONFIG, show_default=True)
@click.option("--verbose", "-v", is_flag=True, help="Log more.")
@click.version_option(package_name="edged")
@click.pass_context
def cli(ctx: click.Context, config_path: Path, *, verbose: bool) -> None:
    """Record every camera of a site; runs in the foreground until SIGTERM or SIGINT."""
    if ctx.invoked_subcommand is None:
        ctx.exit(run(config_path, verbose=verbose))


@cli.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []})
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def demo(ctx: click.Context, args: Sequence[str]) -> None:
    """Record two test pattern cameras with an embedded broker: needs no file, no camera and no broker."""
    from edged.demo.run import main as demo_main

    ctx.exit(demo_main(list(args)))


def main() -> int:
    """click's usage errors become exit code 64."""
    try:
        language = language_of()
        help_screens.speak(language)
        result = help_screens.translated(cli, language).main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return exit_codes.USAGE
    except click.Abort:
        return exit_codes.FAILED
    return result if isinstance(result, int) else exit_codes.OK
