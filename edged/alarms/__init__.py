"""異常通報: conditions to alarms, alarms to fault tickets (報修), and maintenance (維護), which makes them wait.

Begin with `evaluate` (everything known to conditions) and `tracking` (conditions to alarms). Conditions by subject:
`cameras`, `devices`, `storage`, `retention`, `record`, `link`. Pure but for the watch in `fault_tickets`. May enter
overview and the rooms below.
"""
