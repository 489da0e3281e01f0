"""法規查核: the clauses of an office's regulation to met or not met. Pure. Begin with `judge`."""
