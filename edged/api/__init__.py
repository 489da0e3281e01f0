"""The control socket: one module a capability, with its calls. May enter every room but main and the programs.

Begin with `server` (the socket, and all calls in one list); `base` is what all of them share. A module
checks what was asked, carries it out by a service of storage or of a room below, and answers with a document.
"""
