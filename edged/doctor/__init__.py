"""What a technician has looked at by `edgectl doctor`, and why a daemon is down: values in, checks out. Pure.

Each module judges one thing; what it judges is gathered in `edged.doctor.ask`, each piece in a process of its own, so
that a disk that hangs or a program that is not there hides nothing else.
"""
