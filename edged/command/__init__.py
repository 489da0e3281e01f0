"""`edged-command`: a command of the centre is signed and sent, and its answer waited for."""
