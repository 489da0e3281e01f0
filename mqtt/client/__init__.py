"""Both ends of the link: `link` is the box, with one connection kept alive and what goes over it; `reply_wait` is the
centre, which publishes one command and waits for the answer. Begin with `link`.
"""
