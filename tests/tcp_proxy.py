"""A TCP proxy that can lose what a server says, for tests: bytes go through it as they are, TLS and all."""

import contextlib
import socket
import threading
from collections.abc import Iterator

CHUNK_BYTES = 1 << 16


class Proxy:
    """Forwards whoever connects to `address` to `upstream` ("host:port"), which may be changed."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.swallows = False  # whether the server's bytes are lost
        self.num_swallowed_bytes = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """Ends all connections."""
        for end in self._sockets:
            _shut(end)

    def close(self) -> None:
        _shut(self._listener)
        self._listener.close()
        self._threads[0].join()  # from here on there are no new connections
        self.cut()
        for thread in self._threads:
            thread.join()
        for end in self._sockets:
            end.close()

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was shut
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        host, _, port = self.upstream.rpartition(":")
        try:
            server = socket.create_connection((host, int(port)))
        except OSError:
            _shut(client)
            return
        self._sockets.append(server)
        self._start(self._pump, client, server, False)
        self._start(self._pump, server, client, True)

    def _pump(self, source: socket.socket, sink: socket.socket, from_server: bool) -> None:
        with contextlib.suppress(OSError):  # either end was cut
            while data := source.recv(CHUNK_BYTES):
                if from_server and self.swallows:
                    self.num_swallowed_bytes += len(data)
                else:
                    sink.sendall(data)
        _shut(source)
        _shut(sink)


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it is shut already
        end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def proxied(upstream: str) -> Iterator[Proxy]:
    proxy = Proxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()
