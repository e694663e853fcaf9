"""One server process, or several that share an address.

>>> SHARED_OPTION == (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
True
"""

import socket

import uvicorn
from uvicorn.supervisors import Multiprocess

SHARED_OPTION = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
"""Set on the socket that several processes share: asyncio sets it on sockets that it makes itself alone, and
without it each answer in two parts waits 40 ms for the caller's acknowledgement."""

GRACE_S = 3
"""How long a server that stops waits for answers under way: a stream of events would never end by itself."""


def run(app: str, host: str, port: int, workers: int) -> None:
    """Serve an application, named as ``module:factory``, until it is stopped."""
    config = uvicorn.Config(
        app,
        factory=True,
        host=host,
        port=port,
        workers=workers,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )

    if workers == 1:
        uvicorn.Server(config).run()
        return
    shared = config.bind_socket()
    shared.setsockopt(*SHARED_OPTION)
    Multiprocess(config, [shared]).run()
