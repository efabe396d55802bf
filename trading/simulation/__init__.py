"""Simulation: the numeric engine. Pure, deterministic, no database, no clock, no network."""
