"""Compiles the catalogues of what people read when edged is built. All else stands in pyproject.toml."""

from __future__ import annotations

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from setuptools import setup
from setuptools.command.build_py import build_py

LOCALE = Path(__file__).resolve().parent / "edged" / "words" / "locale"


def compile_catalogues(folder: Path = LOCALE) -> None:
    """`edged.po` to `edged.mo`, in which a message is found by its code alone: whoever reads it may know no more.

    Help and click's own words have no code. They are found as gettext does it: by their context `help` and the English
    text; by the English text alone, that of one where click counts.
    """
    for path in folder.glob("*/LC_MESSAGES/edged.po"):
        with path.open("rb") as file:
            written = read_po(file)
        by_code = Catalog(locale=written.locale)
        for one in written:
            if not one.string or one.fuzzy or not one.context:
                continue
            if one.context == "help":
                by_code.add(one.id, one.string, context="help")
            elif one.context == "click":
                by_code.add(one.id, one.string)
            elif one.context == "click-counted" and one.string != one.id:
                by_code.add((one.id, one.id), (one.string,) * by_code.num_plurals)
            elif one.context != "click-counted":
                by_code.add(one.context, one.string)
        with path.with_suffix(".mo").open("wb") as file:
            write_mo(file, by_code)


class Build(build_py):
    """Also where it is installed as it lies here (`pip install --editable`)."""

    def run(self) -> None:
        compile_catalogues()
        super().run()


if __name__ == "__main__":
    setup(cmdclass={"build_py": Build})
