"""Segments of one camera as a film: their fragments in a row, copied, not transcoded, with one timeline. Without libav.

What is copied can be taken back to what was recorded, byte for byte (`segment.restored`): an excerpt proves itself.
"""
