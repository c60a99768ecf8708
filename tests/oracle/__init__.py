"""The second computation of every table: it sorts and folds over all deliveries at once.

Written from docs/semantics.md alone. It imports nothing of the product, keeps no state between calls, and prefers
clarity to speed; tests compare its rows with Postgres. `Ambiguous:` marks a place where the text allows two readings,
and says which one is used.
"""
