"""The revisions, one module each. After a release none of them changes: a new one is added instead."""
