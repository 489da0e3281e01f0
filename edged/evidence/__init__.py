"""Evidence that leaves the box, and what vouches for it: exports, their verifier, statements, watches of the ledger
and of the files.

Begin with `export_service` (a copy is made) and `verify` (a copy is checked, by whoever has it: one file that
stands alone). May enter alarms and the rooms below.
"""
