"""Data sets decoded, resized and written in a few large files: made by `egorear data pack`, read while training."""
