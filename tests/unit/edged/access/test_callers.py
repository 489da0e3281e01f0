"""Whose word a process is: a login counts only where a person may sit behind it."""

from __future__ import annotations

import pytest

from edged.access.callers import sits

CHEN = 1001
TWO = "12:cpu:/x.service\n1:name=systemd:{path}\n0::{path}"


@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("/", True),  # no systemd
        ("/docker/4711", True),
        ("/user.slice/user-1001.slice/session-3.scope", True),
        ("/user.slice/user-1001.slice/user@1001.service/app.slice/vte-spawn-1.scope", True),
        ("/user.slice/user-1001.slice/user@1001.service/app.slice/approve.service", False),  # a timer of their own
        ("/user.slice/user-1002.slice/session-3.scope", False),  # named by whoever logged in as another
        ("/user.slice/user-1002.slice/user@1002.service/app.slice/x.scope", False),
        ("/user.slice/user-10010.slice/session-3.scope", False),
        ("/system.slice/cron.service", False),
        ("/system.slice/atd.service", False),
        ("/system.slice/run-r3.service", False),  # systemd-run
        ("/system.slice/ssh.service/inner", False),
        ("/system.slice/cron.service/user.slice/user-1001.slice", False),
    ],
)
def test_whose_word_it_is(path: str, right: bool) -> None:
    assert sits(f"0::{path}", CHEN) == right
    assert sits(TWO.format(path=path), CHEN) == right
    assert sits(f"3:memory:{path}", CHEN), "what systemd does not manage says nothing"
