"""recorder.words.memory: pages that only the start needed are let go of, and none that holds what is nowhere else."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from recorder.words import memory

MAPPING: Final = """\
{start:x}-{end:x} {mode} 0001f000 fe:00 {inode}                  {name}
Size:                {size} kB
Rss:                  64 kB
Anonymous:      {written:8} kB
AnonHugePages:         0 kB
VmFlags: rd mr mw me
"""
NAMES: Final = ("/usr/lib/libx.so.1", "/opt/a name/in words.so (deleted)", "[heap]", "[vdso]", "")
GROWN: Final = """
import decimal, email.message, ssl, sqlite3, sys
from recorder.words import memory

def of_files_kb():
    fields = dict(line.split(":") for line in open("/proc/self/status"))
    return int(fields["RssFile"].split()[0])

before_kb = of_files_kb()
memory.release_start_pages()
memory.release_heap()
after_kb = of_files_kb()
assert sqlite3.connect(":memory:").execute("SELECT 6 * 7").fetchone() == (42,)
assert ssl.create_default_context().check_hostname
assert decimal.Decimal(1) / 3 < 1
print(before_kb, after_kb)
"""


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["r--p", "r-xp", "rw-p", "r--s", "---p"]),
            st.sampled_from([0, 7, 123_456]),
            st.sampled_from([0, 4, 1312]),
            st.sampled_from(NAMES),
        )
    )
)
def test_of_programs_whatever_is_only_read_and_nothing_that_was_written(told: list[tuple[str, int, int, str]]) -> None:
    lines, expected = [], []
    programs = {inode for mode, inode, _, _ in told if "x" in mode}
    for number, (mode, inode, written, name) in enumerate(told, 1):
        start, end = number << 20, (number << 20) + 8192
        lines += MAPPING.format(
            start=start, end=end, mode=mode, inode=inode, written=written, name=name, size=8
        ).splitlines(keepends=True)
        if "w" not in mode and inode in programs - {0} and not written:
            expected.append((start, end))
    assert [*memory.unwritten(lines)] == expected


def test_a_process_that_let_go_goes_on_with_less() -> None:
    told = subprocess.run([sys.executable, "-c", GROWN], check=True, capture_output=True, text=True).stdout
    before_kb, after_kb = map(int, told.split())
    assert after_kb < before_kb / 2
