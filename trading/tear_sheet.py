"""The report of a simulation as plain data: what pages, exports and certificates share. Pure."""
