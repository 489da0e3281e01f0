"""Start, compose, stop. May enter every room. Begin with `daemon`, the composition root; `late_office` and
`control_api` compose what is only loaded when it is needed.

`entry` imports nothing at module level: each process that checks the ledger runs the importing script again.
"""
