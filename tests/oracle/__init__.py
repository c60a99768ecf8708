"""The second computation: what every table must hold, by sorting and folding over all deliveries at once.

Written from docs/semantics.md alone. Imports nothing from the product, keeps no state between calls, and prefers
clarity to speed; the tests compare its rows with Postgres. A place where the text allows two readings is marked
`Ambiguous:` and says which one is taken.
"""
