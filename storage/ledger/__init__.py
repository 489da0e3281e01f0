"""稽核軌跡: leaves, the tree over them, signed heads, the node's key. What happened, so that nobody can rewrite it.

Begin with `table` (a leaf is entered in the transaction of its fact) and `tree` (RFC 6962, pure).
"""
