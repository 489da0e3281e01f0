"""What `man` shows and what the shell completes, made from the command line, the documents and nothing else."""
