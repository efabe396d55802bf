"""How far a bot is from a shadow simulation of itself, and why. Pure Decimal."""
