"""EgoTAP: from heatmaps of joints and limbs to joints in 3D, along the kinematic tree."""
