"""Parameter sets, decoder configuration records, key frames: what the bits of a coded picture or sound say. Pure."""
