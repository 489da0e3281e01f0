"""What half a second of sound measures. Pure. Imports numpy and the words of the eye."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from recorder.decoder.messages import Heard

NOTHING_DB: Final = -120.0
FULL: Final = 0.98
"""At or above this share of full scale a sample is clipped: the loudest that G.711 can say is 0.98."""


def measure(samples: NDArray[np.float32], rate: int) -> Heard | None:
    """`samples` of all channels, from −1 to 1, `rate` of each in a second. None for none."""
    if samples.size == 0:
        return None
    centred = samples - samples.mean(axis=-1, keepdims=True)
    size = np.abs(samples)
    return Heard(
        seconds=min(60.0, samples.shape[-1] / rate),
        level_db=_db(float(np.sqrt((centred * centred).mean()))),
        peak_db=_db(float(np.abs(centred).max())),
        clipped=float((size >= FULL).mean()),
    )


def _db(share: float) -> float:
    return min(0.0, max(NOTHING_DB, 20 * float(np.log10(max(share, 1e-6)))))
