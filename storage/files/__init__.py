"""What the standard library lacks for files that last. Lean: a camera's worker carries it."""
