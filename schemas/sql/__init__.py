"""The SQL schema: one object a file, and the program that brings a database to it."""
