"""The present state of this box: what is known, how it is, what to do first. Begin with `rounds` and `overview`."""
