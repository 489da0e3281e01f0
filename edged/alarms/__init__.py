"""異常通報: conditions to alarms, alarms to fault tickets (報修), and maintenance (維護), which makes them wait.

Begin with `tracking` (everything known to conditions, conditions to alarms); `conditions` has them by subject. Pure but
for the watch in `fault_tickets`. May enter overview and the rooms below.
"""
