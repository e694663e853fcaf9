"""One server process, or several that share an address.

>>> SHARED_OPTION == (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
True
"""

import copy
import socket
from typing import Any

import uvicorn
from uvicorn.config import LOGGING_CONFIG
from uvicorn.supervisors import Multiprocess

from wallet_api.door.watch import NAME

SHARED_OPTION = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
"""Set on the socket that several processes share: asyncio sets it on sockets that it makes itself alone, and
without it each answer in two parts waits 40 ms for the caller's acknowledgement."""

GRACE_S = 3
"""How long a server that stops waits for answers under way: a stream of events would never end by itself."""


def log_config() -> dict[str, Any]:
    """Return how a server's lines are written: its own as usual, who was refused as bare JSON beside them.

    >>> log_config()["loggers"][NAME]["level"]
    'INFO'
    """
    config: dict[str, Any] = copy.deepcopy(LOGGING_CONFIG)
    config["formatters"]["bare"] = {"format": "%(message)s"}
    config["handlers"]["watch"] = {
        "class": "logging.StreamHandler",
        "formatter": "bare",
        "stream": "ext://sys.stderr",
    }
    config["loggers"][NAME] = {"handlers": ["watch"], "level": "INFO", "propagate": False}
    return config


def configured(app: str, host: str, port: int, workers: int) -> uvicorn.Config:
    """Return what a server is told; whom it believes who a caller is, ``FORWARDED_ALLOW_IPS`` says."""
    return uvicorn.Config(
        app,
        factory=True,
        host=host,
        port=port,
        workers=workers,
        log_config=log_config(),
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )


def run(app: str, host: str, port: int, workers: int) -> None:
    """Serve an application, named as ``module:factory``, until it is stopped."""
    config = configured(app, host, port, workers)
    if workers == 1:
        uvicorn.Server(config).run()
        return
    shared = config.bind_socket()
    shared.setsockopt(*SHARED_OPTION)
    Multiprocess(config, [shared]).run()
