"""Hosts and ports of the pages."""
from __future__ import annotations
import ipaddress
import socket


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'


def page_url(host: str, port: int) -> str:
    """What to type into a browser; for the address of all interfaces it is
    the name of this machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f'http://{host}:{port}/'
    if address.is_unspecified:
        return f'http://{socket.gethostname()}:{port}/'
    return f'http://[{host}]:{port}/' if address.version == 6 else \
        f'http://{host}:{port}/'


def port_problem(host: str, port: int) -> str:
    """Why nothing can listen there, '' if something can."""
    if not 1 <= port <= 65535:
        return f'{port} is not from 1 to 65535'
    try:
        family, kind, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as server:
            # as servers do, which need not wait for closed connections
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(address)
    except OSError as error:
        return (f'{host}:{port} cannot be listened at '
                f'({error.strerror or error}): give another --port or --host')
    return ''
