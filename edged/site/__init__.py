"""The present state of this box: what is known, how it is, what to do first.

Begin with `rounds`, which holds the state and looks at everything in turn, and `documents`, which shows it.
`verdict` is the one word for everything. May enter compliance and every room below.
"""
