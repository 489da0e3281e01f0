"""What a technician has looked at by `edgectl doctor`, and why a daemon is down. Begin with `run`.

`gather` looks, each piece in a process of its own (`in_child`), so that a disk that hangs or a program that is not
there hides nothing else. `daemon`, `disks`, `machine`, `network`, `office` and `paths` judge what was gathered, and
are pure.
"""
