"""How images are normalised: by the statistics of ImageNet, which the published backbone was trained with."""

import numpy as np

IMAGE_MEAN = np.array((0.485, 0.456, 0.406), dtype=np.float32)
IMAGE_STD = np.array((0.229, 0.224, 0.225), dtype=np.float32)
