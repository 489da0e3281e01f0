"""The facade that the daemon uses, and taking hold of a state directory. May enter every room of storage.

Begin with `facade`; `opening` comes before it at a start, `offline` is for whoever looks while no daemon runs.
"""
