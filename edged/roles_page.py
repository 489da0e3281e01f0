"""docs/roles.md as text, made from `edged.roles`: what the guard asks is what the page says. Pure."""

from __future__ import annotations

from typing import Final

from edged.roles import CLAUSES, LOCAL, NAMES, TABLE, Record, Role, Verb

_RECORDED: Final = {
    Record.NONE: "",
    Record.SEEN: "first",
    Record.DONE: "first",
    Record.MENDED: "if it can",
}
_TWO: Final = "asked"

_INTRO: Final = """\
# Roles

<!-- Made by script/roles from edged/roles.py. Change it there. -->

Who may do what on this box (權限). Roles come from Unix groups, which `[roles]` names
([configuration.md](configuration.md)); the groups of an account are looked up at each call, by its number as
the kernel tells it. Whoever calls without the role that a verb takes gets exit code 77, the name of the role,
and who has it; nothing else is told, and nothing is done.

There is no verb that deletes or formats footage (刪除、格式化), and so no role that has one (P4, P5).
"""

_RULES: Final = """\
## What holds for all

**Before there are roles.** Without `[roles]` root and the account that edged runs as may do everything, nobody
else anything, and the audit trail says `unconfigured` where it would name the role. With `[roles]` both are
technicians, whatever groups they are in: who administers the machine does not thereby read, pin or copy (P14).

**Operator and authority are never one.** An account in a group of operators and in one of authorities holds
neither role (P6: 專責人員不得兼任 最高權限之權限管理者). Its other roles stay. The alarm `roles.clash` names
it; recording goes on.

**Two persons (會同).** A release or an extension of a pin, an attestation of time, and whatever loosens a bound
(a floor lowered, a ceiling raised, `on_full = "overwrite"`, also in the file) waits until another person, who
holds `authority`, types `edgectl approve ID`; a pin lasts once another operator or an authority has approved it
(`edgectl pin approve`). Persons are told apart by who logged in (`/proc/PID/loginuid`), which `sudo` and `su`
do not change. What no login began (a timer, `systemd-run`, a service) is nobody's word: it can neither ask for
such an act nor approve one. Whoever is root without bounds can forge a login, as they can change edged itself;
no program on the box can hold that up, only tell of it. So give out `sudo` for single commands, and the
password of root to nobody who holds a role.

**On record (稽核軌跡).** Each call that discloses or changes something is a leaf: verb, role, result, and a
commitment to the person's name, which can be erased. "First": the leaf is written before anything is shown or
done; while the database cannot be written, the call is refused (exit code 75). "If it can": what keeps evidence
or heals the box is never held up; its leaf is made up for, and until then there is the alarm `journal.owed`.
What only tells how the machine is leaves none, and answers whatever is broken. If nothing comes of a call, a
leaf `failed` says so. Refusals, and the same list asked for again and again, become one leaf a minute and
person, with a count.
"""


_LEGEND: Final = """\
● has it; ○ may ask for it, and another person approves. Clauses are those of the offices' regulations. What
can also be done while edged is stopped (`fsck`, `rebuild`, `volume init`) takes the right to read and write its
directories: root, or the account of edged.
"""


def rendered() -> str:
    """The whole page."""
    return f"{_INTRO}\n{_roles()}\n{_verbs()}\n{_RULES}"


def _roles() -> str:
    rows = [f"| `{role}` | {NAMES[role][0]} | {NAMES[role][1]} | {' '.join(CLAUSES[role])} |" for role in Role]
    return _table("## The roles", "| Role | 角色 | What for | Clauses |", rows)


def _verbs() -> str:
    heading = f"| `edgectl …` | | {' | '.join(f'`{role}` {NAMES[role][0]}' for role in Role)} | On record | Remark |"
    rows = [_row(verb) for verb in Verb]
    local = "\n".join(f"`edgectl {verb}` asks no daemon and takes no role: it {why}." for verb, why in LOCAL.items())
    return f"{_table('## The verbs', heading, rows)}\n{local}\n\n{_LEGEND}"


def _row(verb: Verb) -> str:
    rule = TABLE[verb]
    mark = "○" if rule.result == _TWO else "●"
    cells = (mark if role in rule.who else "" for role in Role)
    remark = " ".join(part for part in (rule.why, f"({', '.join(rule.clauses)})" if rule.clauses else "") if part)
    return f"| `{verb}` | {rule.zh} | {' | '.join(cells)} | {_RECORDED[rule.record]} | {remark} |"


def _table(title: str, heading: str, rows: list[str]) -> str:
    line = "|" + " --- |" * (heading.count("|") - 1)
    return "\n".join([title, "", heading, line, *rows, ""])
