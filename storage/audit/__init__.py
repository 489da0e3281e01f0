"""The check of the ledger against everything else: its tree, its heads, rows, mirrors, a checkpoint from outside.

May enter every room below, and changes nothing. Begin with `verify`; `ranges` goes through leaves and rows,
`leaf_bodies` has what leaves say.
"""
