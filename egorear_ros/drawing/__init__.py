"""Skeletons as pictures: colours, overlays on camera images, and the figure of a whole moment."""
