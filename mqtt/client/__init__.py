"""The link to the centre: one connection kept alive, and what goes over it. Begin with `link`."""
