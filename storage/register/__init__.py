"""銷毀紀錄: what was destroyed, the account of a month, and what clauses are judged by. Reads only.

Begin with `service`.
"""
