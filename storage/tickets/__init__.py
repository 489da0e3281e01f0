"""What is told to people and to the centre until it is over: alarms, fault tickets, maintenance, commands.

Begin with `faults`, whose SQL is in `faults_table`. Of the others the service lies with its table: `alarms_table`,
`maintenance_table`, `commands_table`.
"""
