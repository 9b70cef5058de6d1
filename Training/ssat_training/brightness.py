"""How bright the parts of a crop are that may be bright: what the program measures of every face (`Brightness`, docs/decisions/0051 and 0054)."""
import numpy as np

SKIN, EYES, MOUTH = (1, 2), (4, 5), (10,)  # label classes: skin and nose; eyes; inner mouth
PARTS = 3  # skin, nose and eyes; eyes and mouth; all of the crop
VALUES = 4  # R', G', B', luma
STEP = 2  # pixels, both ways
LUMA = np.array([77, 150, 29])  # of 256
BRIGHTEST = 10  # of which one counts


def measure(picture, parsing):
    """Means of the brightest tenth of each value, each for itself: PARTS x VALUES in 0 to 1; 0 where there is none. `picture` 256 x 256 x 3 bytes, `parsing` the
    data's label classes."""
    pixels, classes = picture[::STEP, ::STEP].reshape(-1, 3).astype(np.int64), parsing[::STEP, ::STEP].ravel()
    values = np.column_stack([pixels, (pixels @ LUMA + 128) >> 8])
    parts = values[np.isin(classes, SKIN + EYES)], values[np.isin(classes, EYES + MOUTH)], values
    return np.stack([mean_of_brightest(part) for part in parts]).astype(np.float32)


def mean_of_brightest(values):
    if len(values) == 0:
        return np.zeros(VALUES)
    wanted = max(len(values) // BRIGHTEST, 1)
    return np.partition(values, len(values) - wanted, 0)[-wanted:].mean(0) / 255
