"""One process for all cameras that decodes key frames and sound, and measures them; the only place that loads libav
beside the test pattern. Begin with `process`; the daemon's end is `client`.
"""
