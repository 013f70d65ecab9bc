"""Whole methods: from the images of one moment to a body pose."""
