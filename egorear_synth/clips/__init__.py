"""Motion capture clips: readers of AMC and BVH files, and their transfer to a body."""
