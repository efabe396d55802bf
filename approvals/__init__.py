"""Proposals and people's decisions about them: the top room, above trading."""
