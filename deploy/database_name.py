"""Names a database for people: where it is, never its password."""

from urllib.parse import parse_qs, urlsplit


def shown(database_url: str) -> str:
    """Host, port and database of a URI, Unix sockets included."""
    parts = urlsplit(database_url)
    host = parts.netloc.rpartition("@")[2] or parse_qs(parts.query).get("host", ["localhost"])[0]
    return f"{host}{parts.path}"
