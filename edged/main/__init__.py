"""Start, compose, stop. May enter every room. Begin with `daemon`, the composition root.

`entry` imports nothing at module level: each process that checks the ledger runs the importing script again.
"""
