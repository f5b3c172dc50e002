"""How Hypothesis runs here: a shared, busy machine must not fail a test for being slow."""

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
