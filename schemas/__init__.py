"""Contracts that the other packages share: reading a body, events, records, topics, keys, errors, migrations."""
