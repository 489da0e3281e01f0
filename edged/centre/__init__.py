"""What the centre is told, and what it may order.

Begin with `reports` (told) and `commands` (ordered); `handlers` does what a command asks for.
`checkpoint_publisher` tells the head of the ledger, and `diagnostics` says what of the box leaves it for those who
look for a fault. May enter site and every room below.
"""
