"""Whether an address can be listened on, and what to do where it cannot.

>>> PORT_MAX
65535
"""

import errno
import socket

from ledger.errors import SetupError

PORT_MAX = 65_535


def check_listen(host: str, port: int) -> None:
    """Refuse an address that cannot be listened on, before a server starts.

    Raises:
        SetupError: says whether to choose another port or another address.
    """
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        where = f"{host}:{port} cannot be listened on ({error.strerror or error})"
        if error.errno == errno.EADDRINUSE:
            other = port + 1 if port < PORT_MAX else port - 1
            raise SetupError(f"{where}; try --port {other}.") from error
        if error.errno == errno.EACCES:
            raise SetupError(f"{where}; try a --port from 1024 on.") from error
        raise SetupError(
            f"{where}: --host is an address of this machine, as in 127.0.0.1 or 0.0.0.0."
        ) from error
