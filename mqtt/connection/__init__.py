"""One connection to the broker: found, made, kept, ended, and why.

Begin with `broker_connection`; `reconnect` says when the next one is tried, `reasons` what a technician is told.
"""
