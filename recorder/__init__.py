"""A camera becomes segments: a process reads up to eight cameras. May import storage; knows nothing of edged or mqtt."""
