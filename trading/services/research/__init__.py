"""Simulations, searches, validations and drift: what a strategy would have done."""
