"""A worker's process: one session with one camera, from its packets to files on a volume.

Lean, because there is one for each camera. Begin with `process`, then `recording`.
"""
