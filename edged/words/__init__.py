"""Roles and verbs, units, exit codes, and the catalogue of what people read. Imports no other room.

Begin with `catalogue`: a message becomes text there.
"""
