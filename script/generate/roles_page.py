"""docs/roles.md as text, made from `edged.words.roles`: what the guard asks is what the page says. Pure."""

from __future__ import annotations

from typing import Final

from edged.words.catalogue import Reader
from edged.words.roles import CLAUSES, LOCAL, NAMES, TABLE, Record, Role, Verb

_RECORDED: Final = {
    Record.NONE: "",
    Record.SEEN: "first",
    Record.LISTED: "a day",
    Record.DONE: "first",
    Record.ASKED: "with it",
    Record.MENDED: "if it can",
}
_TWO: Final = "asked"
_CHINESE: Final = Reader("zh_TW")

_INTRO: Final = """\
# Roles

<!-- Made by script/roles from edged/words/roles.py. Change it there. -->

Who may do what on this box (權限). Roles come from Unix groups, which `[roles]` names
([configuration.md](configuration.md)); the groups of an account are looked up at each call, by its number as
the kernel tells it. Whoever calls without the role that a verb takes gets exit code 77, the name of the role,
and who has it; nothing else is told, and nothing is done.

There is no verb that deletes or formats footage (刪除、格式化), and so no role that has one (P4, P5).
"""

_HOW: Final = """\
## Giving roles to people on a new box

As root, once, before there are `[roles]`:

1. Make a group for each role that the office has: `groupadd cctv`, `groupadd cctv-authority`, `groupadd ethics`.
2. Give each person an account of their own (`adduser chen`), and nobody a second one. An account is not shared and not
   lent: what it does is that person's (J3, J14).
3. Put each into the group of their role: `gpasswd --add chen cctv`. Nobody is in a group of operators and in one of
   authorities. Nobody at all is in the group `edged`: it owns the footage, and whoever is in it reads that past any
   role and record (alarm `roles.readers`).
4. Write the groups into `[roles]` ([configuration.md](configuration.md)), then `edgectl config check
   /etc/edged/edged.toml` and `edgectl reload`.
5. Each person logs in and types `edgectl status`; an authority and an auditor look at `edgectl ledger`.

That first table is taken as it is: root had every role until then. From then on a group gets a role only by two
persons (below). Name groups after roles and not after people: their names stand in the audit trail as they are.

Whoever changes office is taken out at once: `gpasswd --delete chen cctv`. That holds from the next call on, also for
what they asked for and nobody has approved yet. One authority is enough, if somebody else asks; whoever is the only one
cannot approve what they asked for themselves.

`sudo edgectl …` is root, and with `[roles]` root is a technician: sudo gives no other role, and takes none away from
whoever types `edgectl` without it.

"""

_RULES: Final = """\
## What holds for all

**Before there are roles.** Without `[roles]` root and the account that edged runs as may do everything, nobody
else anything, and the audit trail says `unconfigured` where it would name the role. With `[roles]` both are
technicians, whatever groups they are in: who administers the machine does not thereby read, pin or copy (P14).

**Operator and authority are never one.** An account in a group of operators and in one of authorities holds
neither role (P6: 專責人員不得兼任 最高權限之權限管理者). Its other roles stay. The alarm `roles.clash` names
it; recording goes on.

**Two persons (會同).** A release or an extension of a pin, an attestation of time, a new generation or key of the
ledger, whatever loosens a bound (a floor lowered, a ceiling raised, `on_full = "overwrite"`, also in the file),
another `profile` or none, and whatever gives a group a role in `[roles]`, or takes the whole table away and so gives
root all of them, waits until another person, who holds `authority`, types `edgectl approve ID`; a pin lasts once
another operator or an authority has approved it (`edgectl pin approve`). Persons are told apart by who logged in
(`/proc/PID/loginuid`), which `sudo` and `su` do not change; and two who used one account, root aside, are not two.
What no login began (a timer, `cron`, `at`, `systemd-run`, a service) is nobody's word, nor is a login that is not
that of the session it is used in: it can neither ask for such an act nor approve one, and a pin that it placed nobody
can approve. Whoever asked must still have the right to ask when it is approved, and what is done is what the second
person read: if the file, the key or what the centre holds has changed meanwhile, it is asked for anew; what can for
that reason not be approved any more stands in the list as such.

**Who holds which role.** A group that is taken out of `[roles]` loses its role at the next reload or start. A group
that is put in gets it once another person, an authority as the table was before, has approved; until then there is
the alarm `retention.loosening`, and neither a reload, nor a restart, nor the loss of the database leads around it.
Where all groups of authorities are replaced, the old ones go on until then, or nobody could approve; if nobody is
left in them, root puts somebody in (`gpasswd --add`). The answer to a reload names what changes at once and what
waits. A leaf `agreed` tells which groups hold which role: at the first start, and whenever it changes. Who is in
these groups is looked at once a minute, and a leaf `holder` tells of each account whose roles have changed, by its
number and a commitment to its name (of what a directory does not list, calls tell). No program hinders root from
putting somebody into a group; but an auditor sees it. Keys of the centre ([commands.md](commands.md)) count as persons,
so each verb that one may command is agreed upon in the same way.

**What no program can hold up.** Whoever is root without bounds can begin a session as anybody, make an account, write
himself into a group, or change edged itself. The ledger and the head that the centre keeps tell of what was done with
that ([evidence.md](evidence.md)); they do not hinder it. So give out `sudo` for single commands, none of which edits
files or accounts, and the password of root to nobody who holds a role. Nor can the box know that two accounts are one
person's.

**On record (稽核軌跡).** Each call that discloses or changes something is a leaf: verb, role, result, and a commitment
to the person's name, which can be erased. "First": the leaf is written before anything is shown or done; while the
database cannot be written, the call is refused (exit code 75). "If it can": what keeps evidence or heals the box is
never held up; its leaf is made up for, and until then there is the alarm `journal.owed`. What only tells how the
machine is leaves none, and answers whatever is broken. If nothing comes of a call, a leaf `failed` says so; what a
second person is refused was never `approved`. "With it": the act that waits and its leaf `asked`, which names it, are
one: the leaves `asked` and `approved` of one act have its id. "A day": lists that name footage and show none. Whoever
calls for one is on record, with cameras and times; what else they list of the kind in the next 24 hours is one leaf
at their end, with a count, all cameras and the whole time asked for; no leaf holds it up. (`gaps` and `volume list`
name no footage: they tell how the machine is, and leave none.) A leaf of `export` or `pin add` says `plan` where
nothing was copied or pinned, one of `proof-of-retention` names camera and month. Refusals, and the same list asked
for again and again, become one leaf a minute and person, with a count and, of refusals, every verb that was tried;
all accounts that the box does not know are one person in this.
"""


_LEGEND: Final = """\
● has it; ○ may ask for it, and another person approves. ◆ whoever has a part in the request that is named, by a
post or as the applicant, may as well ([office.md](office.md)). ▲ shows footage or hands it out: with a profile
nobody may by the role alone. Clauses are those of the offices' regulations. What
can also be done while edged is stopped (`fsck`, `rebuild`, `volume init`) takes the right to read and write its
directories: root, or the account of edged.
"""


def rendered() -> str:
    """The whole page."""
    return f"{_INTRO}\n{_roles()}\n{_verbs()}\n{_HOW}{_RULES}"


def _roles() -> str:
    rows = [
        f"| `{role}` | {_CHINESE(NAMES[role].name)} | {NAMES[role].purpose} | {' '.join(CLAUSES[role])} |"
        for role in Role
    ]
    return _table("## The roles", "| Role | 角色 | What for | Clauses |", rows)


def _verbs() -> str:
    roles = " | ".join(f"`{role}` {_CHINESE(NAMES[role].name)}" for role in Role)
    heading = f"| `edgectl …` | | {roles} | On record | Remark |"
    rows = [_row(verb) for verb in Verb]
    local = "\n".join(f"`edgectl {verb}` takes no role: it {why}." for verb, why in LOCAL.items())
    return f"{_table('## The verbs', heading, rows)}\n{local}\n\n{_LEGEND}"


def _row(verb: Verb) -> str:
    rule = TABLE[verb]
    mark = "○" if rule.result == _TWO else "●"
    cells = (mark if role in rule.who else "" for role in Role)
    clauses = f"({', '.join(rule.clauses)})" if rule.clauses else ""
    marks = f"{'◆' if rule.by_post else ''}{'▲' if rule.discloses else ''}"
    remark = " ".join(part for part in (marks, rule.why, clauses) if part)
    return f"| `{verb}` | {_CHINESE(rule.name)} | {' | '.join(cells)} | {_RECORDED[rule.record]} | {remark} |"


def _table(title: str, heading: str, rows: list[str]) -> str:
    line = "|" + " --- |" * (heading.count("|") - 1)
    return "\n".join([title, "", heading, line, *rows, ""])
