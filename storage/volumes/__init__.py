"""Volumes (錄影硬碟): identity, lock, room, which of them takes the next segments (S10).

Begin with `volume`; `inventory` says which there are.
"""
