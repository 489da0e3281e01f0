"""How a running box stands to the clauses of its office's regulation (法規查核). Pure: facts in, findings out."""
