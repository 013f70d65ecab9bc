"""How inner loops are compiled: once per machine, kept on disk, without Python's lock."""

import numba

compiled = numba.njit(cache=True, nogil=True, error_model="numpy")
