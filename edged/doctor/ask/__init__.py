"""Gatherers: each looks at one thing of this machine and changes nothing. Blocking; one that hangs is left behind."""
