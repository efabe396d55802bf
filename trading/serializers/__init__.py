"""Shapes of the trading API, one file per subject. Nothing here saves."""
