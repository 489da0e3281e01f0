"""Segment files: how they are written, what they say, how they are removed. Lean where a worker carries it."""
