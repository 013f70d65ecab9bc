"""The networks, as plain PyTorch modules. Inside them lengths are centimetres, as in the published weights."""
