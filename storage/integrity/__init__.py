"""Whether files on the volumes are what the catalog says: fsck, rescan, tampering.

May enter every room below, and changes no footage. Begin with `fsck`; `compare` is the pure judgement of one file. What
else fsck checks is handed to it: the mirrors of the ledger belong to `storage.audit`.
"""
