"""Whether files on the volumes are what the catalog says: fsck, rescan, tampering.

May enter every room below, and changes no footage. Begin with `fsck`; `compare` is the pure judgement of one file.
"""
