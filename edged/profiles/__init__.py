"""The offices whose rules edged knows by name: a data file for each, and what reads it. Begin with `loader`."""
