"""The ledger's copy on each volume: leaves as lines of a day's file, and what a new database needs at once (S13).

Begin with `service`.
"""
