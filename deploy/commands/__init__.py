"""One file per command: its settings, its wiring, what it says."""
