"""The ring (循環儲存): what is destroyed and when, who may begin another segment, how long footage will last.

Carries out what `storage.retention` decides. Begin with `sweep` (destroying) and `admission` (beginning). Its
SQL is in `table`.
"""
