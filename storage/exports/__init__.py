"""複製: copies that leave the box: what they consist of, what holds it meanwhile, what the ledger says of them.

Begin with `service`.
"""
