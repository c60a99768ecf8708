"""Synthetic Telnyx traffic: signed like the real thing and repeatable by its seed, so that answers can be judged."""
