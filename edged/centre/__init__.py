"""What the centre is told, and what it may order.

Begin with `reports` (told, the head of the ledger too) and `commands` (ordered); `handlers` does what a command asks
for, and says what of the box leaves it for those who look for a fault. May enter site and every room below.
"""
