"""法規查核: the clauses of an office's regulation to met or not met. Pure.

Begin with `model` for the words, then `rules`, by subject: evidence, people, retention, streams.
May enter evidence, for what it calls things, and the rooms below.
"""
