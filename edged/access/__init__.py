"""Who calls and what they may do: callers, the guard, roles, acts of two persons, the record of it all.

Begin with `guard`: it stands before every call. `callers` has the words, `journal` the record, `acts` what
takes two persons, and `role_watch` sees who holds which role. May enter config and the rooms below.
"""
