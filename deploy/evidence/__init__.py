"""The folder that proves what the ledger knows of one person: its pages, its files, and the script that checks it."""
