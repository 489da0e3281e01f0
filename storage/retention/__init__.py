"""How long footage is kept: floors, ceilings, the terms in force, and what two persons approved of them.

Begin with `plan`, which is pure: candidates and policy in, decisions with reasons out (S1, S3).
"""
