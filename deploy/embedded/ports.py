"""Ports of 127.0.0.1 for the servers that run on this machine."""

import socket


def free_ports(count: int) -> list[int]:
    """Return distinct free ports. All are held while they are chosen, so none is given twice."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def port_is_free(port: int) -> bool:
    """Return whether a server could listen on this port now."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
