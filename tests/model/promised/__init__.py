"""The machine that holds all promises of storage against a naive model, in parts (tests/model)."""
