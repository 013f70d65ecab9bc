"""Types of the arrays that renderer and places exchange."""

import numpy as np
from numpy.typing import NDArray

Floats32 = NDArray[np.float32]
Ints32 = NDArray[np.int32]
Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]
