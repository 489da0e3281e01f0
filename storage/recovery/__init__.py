"""What an unclean stop or a lost database left: detected, replayed from the volumes, salvaged.

May enter every room below. Begin with `reconcile` (an unclean stop, pure) and `detect` (a lost database).
"""
