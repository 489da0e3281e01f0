"""One connection to the broker: found, made, kept, ended, and why. The only room that imports paho.

Begin with `broker_connection`.
"""
