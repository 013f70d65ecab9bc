"""EgoRear-small: the method at a fraction of the cost, for CPUs and embedded boards."""
