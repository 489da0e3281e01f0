"""The control socket: one module a capability, with its routes. Begin with `server`, then any capability."""
