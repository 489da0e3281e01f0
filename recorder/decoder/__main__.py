"""`python -m recorder.decoder FD`: the decoder's process, with its end of the daemon's socket pair as descriptor FD."""

from __future__ import annotations

import sys

from recorder.decoder.process import main

if __name__ == "__main__":
    main(int(sys.argv[1]))
