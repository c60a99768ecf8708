"""Synthetic Telnyx traffic: signed like real webhooks, repeatable by seed, with expected answers."""
