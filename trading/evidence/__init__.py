"""Evidence: how much of a simulated result is skill of the rule and how much is luck. Pure."""
