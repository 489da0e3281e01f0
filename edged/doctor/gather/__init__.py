"""Looks at one thing of this machine each and changes nothing. Blocking; one that hangs is left behind."""
