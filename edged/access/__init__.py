"""Who calls and what they may do: callers, the guard, roles, acts of two persons, the record of it all.

Begin with `guard`.
"""
