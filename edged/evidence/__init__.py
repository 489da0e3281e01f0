"""Evidence that leaves the box, and what vouches for it: exports, their verifier, statements, watches of the ledger
and of the files. Begin with `export` and `verify`.
"""
