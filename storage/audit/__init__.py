"""The check of the ledger against everything else: its tree, its heads, rows, mirrors, a checkpoint from outside.

May enter every room below, and changes nothing. Begin with `verify`; `ranges` goes through leaves and rows,
`leaf_bodies` reads them; each kind is declared in the room that owns its table.
"""
