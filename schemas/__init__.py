"""What the other packages agree on: reading a body, events, records, topics, keys, errors, migrations."""
