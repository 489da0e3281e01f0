"""A camera becomes segments; one process reads up to eight. May import storage; knows nothing of edged or mqtt."""
