"""A camera becomes segments: one process per camera. May import storage; knows nothing of edged or mqtt."""
