"""The event store, and the tables that are functions of the set of its events."""
