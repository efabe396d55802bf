"""The emulator of tests/exchange, driven by the real ccxt."""
