"""Commands of the centre: what is taken of what arrives, and how the daemon does it."""
