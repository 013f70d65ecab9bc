"""The second renderer: the rays and the light of `renderer` and `shading`, as Warp kernels for a GPU."""
