"""Who calls and what they may do: callers, the guard, roles, acts of two persons, the record of it all.

Begin with `guard`: it stands before every call. `callers` has the words, `journal` the record, `acts` and
`agreement` what takes two persons. May enter config and the rooms below.
"""
