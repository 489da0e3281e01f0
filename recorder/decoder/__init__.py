"""One process for all cameras that decodes key frames and sound, and measures them; the only place that loads libav
beside the test pattern.

Begin with `messages`. `client` is the daemon's end, `process` the body of the process, `decode` has what is done with
libav, and what a picture and its sound measure.
"""
