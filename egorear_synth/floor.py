"""The type of single-precision arrays, under its former name."""

from egorear_synth.arrays import Floats32

__all__ = ["Floats32"]
