"""Fault tickets (報修): which alarm needs a hand, and what becomes of it. Begin with `judge`."""
