"""What waits for the centre, each event in the transaction of the fact that it tells of (S8).

Begin with `table`.
"""
