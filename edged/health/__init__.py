"""Whether a camera sends what it should: stream, picture, sound. Pure: what was measured in, findings out."""
