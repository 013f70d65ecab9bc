"""A training set for any rig, in Ego4View-Syn's layout."""
