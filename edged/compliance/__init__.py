"""法規查核: the clauses of an office's regulation to met or not met. Pure.

Begin with `judge`, then `model` for the words. One module a subject: `retention`, `streams`, `people`, `evidence`.
May enter evidence, for what it calls things, and the rooms below.
"""
