"""What an unclean stop or a lost database left: detected, replayed from the volumes, salvaged.

May enter every room below. Begin with `salvage` (an unclean stop; `reconcile` in it decides) and `detect` (a lost
database). A new database gets the snapshot that lies on the volumes (`snapshot_table`), then its leaves
(`replay_table`), then files (`walk`), and what it told before is put right (`correction_table`).
"""
