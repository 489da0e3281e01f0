"""One connection to the broker: found, made, kept, ended, and why.

Begin with `broker_connection`, which also says when the next one is tried; `reasons` has what a technician is told.
"""
