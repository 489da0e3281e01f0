"""What is told to people and to the centre until it is over: alarms, fault tickets, maintenance, commands.

Each has a service and a table. Begin with `alarms`.
"""
