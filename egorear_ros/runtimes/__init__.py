"""How a network is executed."""
