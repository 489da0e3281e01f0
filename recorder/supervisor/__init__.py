"""The daemon's side of one camera: a state machine, the worker's process, facts on their way to the catalog.

May enter every room of recorder. Begin with `state`, which is pure, and `runner`, which acts.
"""
