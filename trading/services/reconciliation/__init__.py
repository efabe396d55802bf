"""Our books against the exchange: cycles, what they find, and what people do about it."""
