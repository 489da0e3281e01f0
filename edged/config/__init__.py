"""`edged.toml` to values, and everything that can be wrong with it. Begin with `load`."""
