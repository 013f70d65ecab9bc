"""3x3 convolutions with fewer multiplications (minimal filtering), compiled on the machine that runs them."""
