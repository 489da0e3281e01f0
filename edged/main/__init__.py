"""Start, compose, stop. May enter every room. Begin with `daemon`, the composition root; `office_and_calls`
puts together what `late_loading` loads when somebody asks.

`entry` imports nothing at module level: each process that checks the ledger runs the importing script again.
"""
