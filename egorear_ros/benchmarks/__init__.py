"""Measurements behind docs/performance.md: transport, lag, the model, the renderer."""
