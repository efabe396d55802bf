"""Accounts at exchanges: their keys, what those may do, and the door through which orders leave."""
