"""Tells people and programs how a run ended. Nothing here fails or holds up a run."""
