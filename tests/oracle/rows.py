"""The shape of an expected table: rows as dicts of the contract's columns, by primary key."""

Row = dict[str, object]
Rows = dict[tuple[object, ...], Row]
