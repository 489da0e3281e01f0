"""What is wrong now, by topic: pure functions from what is known to keys and words, for `edged.troubles`."""
