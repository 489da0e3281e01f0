"""Whether a camera sends what it should: stream, picture, sound. Pure but for `watch`, and `References` in `baseline`.

Begin with `stream` (does it come) and `judge` (does it show anything); `watch` decides who is looked at when. May
enter cameras and the rooms below.
"""
