"""The sub-commands of `egorear`, one module each."""
