"""What is wrong now, a module a subject: pure functions from what is known to keys and words."""
