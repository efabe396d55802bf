"""Pages: one call into a service each."""
