"""The revisions, one module each. A new revision runs the SQL file of the same name beside it.

After a release no revision changes: a test knows their digests.
"""
