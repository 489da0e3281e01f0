"""Whether a camera sends what it should: stream, picture, sound. Pure but for `watch` and `references`.

Begin with `judge`; `watch` decides who is looked at when.
"""
