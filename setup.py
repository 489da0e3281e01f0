"""Compiles the catalogues of what people read when edged is built; the reader too, where `EDGED_COMPILE=1` asks for it.
All else stands in pyproject.toml.

The reader is what each packet of a camera passes through, made by mypyc into extension modules. They lie in what is
built, each beside its source, and never in this folder: so none is ever older than what is edited here.
`script/install` and `script/compile` ask for them. They take what the extra `compile` names, a C compiler, and the
headers of this Python. What is built without them is the same program.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from setuptools import Extension, setup
from setuptools.command.build_py import build_py

COMPILED = (
    "recorder/codec/aac.py",
    "recorder/codec/bits.py",
    "recorder/codec/h264.py",
    "recorder/codec/h265.py",
    "recorder/codec/sets.py",
    "recorder/mp4.py",
    "recorder/rtp/packet.py",
    "recorder/rtp/pictures.py",
    "recorder/rtp/sound.py",
    "recorder/rtp/track.py",
    "recorder/rtsp/message.py",
    "recorder/words/stream.py",
    "recorder/worker/recording.py",
    "recorder/worker/segmenter.py",
    "recorder/worker/timestamp_repair.py",
)
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


def compiled() -> list[Extension]:
    """Not where edged is installed as it lies here (`editable_wheel`): that would write them beside what is edited."""
    if os.environ.get("EDGED_COMPILE") != "1" or not {"build", "bdist_wheel"} & {*sys.argv}:
        return []
    from mypyc.build import mypycify  # noqa: PLC0415  (a box that builds edged has no mypy)

    # Errors of what they import are none of theirs: its libraries need not be there. Level 2 would take the compiler
    # twice as long for nothing: most of the time is spent in Python's own functions.
    return mypycify(["--follow-imports=silent", *COMPILED], group_name="edged_reader", opt_level="1", debug_level="0")


if __name__ == "__main__":
    setup(cmdclass={"build_py": Build}, ext_modules=compiled())
