"""The control socket: one module a capability, with its calls. May enter every room but main and the programs.

Begin with `listening` (the socket, and who comes in) and `server` (all calls in one list), which is loaded when
somebody first comes; `base` is what all calls share. A module checks what was asked, carries it out by a service of
storage or of a room below, and answers with a document.
"""
