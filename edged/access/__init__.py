"""Who calls and what they may do: callers, the guard, roles, acts of two persons, the record of it all.

Begin with `guard`: it stands before every call. `callers` has the words, `journal` the record, `acts` what takes two
persons, `role_watch` sees who holds which role, and `service` holds what works without a call. May enter config and the
rooms below.
"""
