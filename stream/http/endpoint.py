"""The HTTP endpoint: listening sockets, their clients, and the end of both."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from typing import Final

from stream.http.admission import Admission
from stream.http.connection import PATIENCE_S, Connection
from stream.http.route import Routes
from stream.service.listener import Listener
from stream.service.load import Field
from stream.service.session import Service

GRACE_S: Final = 3.0


class Endpoint:
    """The listening socket and its clients.  `port` is the port in use."""

    def __init__(self, listener: Listener, admission: Admission, routes: Routes) -> None:
        self._listener, self._connections, self._routes = listener, admission.clients, routes
        self.port = listener.port

    async def close(self, grace_s: float = GRACE_S) -> None:
        """Take no more clients, let replies under way be sent, hang up."""
        self._listener.close()
        self._routes.api.close()
        for connection in list(self._connections):
            connection.finish()
        end = asyncio.get_running_loop().time() + grace_s
        while self._connections and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.01)
            for connection in list(self._connections):
                connection.finish()
        for connection in list(self._connections):
            connection.abort()


async def serve(
    service: Service,
    sockets: Sequence[socket.socket],
    *,
    socket_port: int = 7878,
    tls: ssl.SSLContext | None = None,
    patience_s: float = PATIENCE_S,
    origins: Sequence[str] = (),
) -> Endpoint:
    """Start to answer over HTTP from the service of a server.

    Args:
        sockets: Listen already (see `listener.open_tcp`); they are closed with the endpoint.
        socket_port: Of the Redis socket, as the page tells it.
        tls: Makes it HTTPS.
        patience_s: Seconds a client has to send a request, and to take a reply.
        origins: Of pages of other sites that may ask.
    """
    admission = Admission(service.max_clients, service.load)
    routes = Routes(service, socket_port, origins)
    routes.api.begin()
    listener = Listener(
        sockets, lambda: Connection(routes, admission, patience_s), tls=tls, load=service.load,
        here=Field.HTTP_CLIENTS, coming=Field.HTTP_COMING,
    )  # fmt: skip
    return Endpoint(listener, admission, routes)
