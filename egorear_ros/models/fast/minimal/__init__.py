"""Programs compiled on the machine that runs them: 3x3 convolutions with fewer multiplications, huge matrices."""
