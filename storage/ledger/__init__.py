"""稽核軌跡 that nobody can rewrite: hashes, heads and proofs over the leaves that `storage.catalog.ledger` enters."""
