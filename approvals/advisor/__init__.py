"""The advisor: language models behind one door, and the rules their answers must pass.

Nothing in here touches the database, holds a key for longer than a call, or acts on anything.
"""
