"""A camera that is not recorded yet: what it would be like to record it. Begin with `run`."""
