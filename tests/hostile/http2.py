"""HTTP/2 as a hostile caller speaks it: over TLS with the adversary's certificate, frame by frame, finished or not."""

import socket
import ssl
import struct
from collections.abc import Sequence
from types import TracebackType

import h2.connection
import h2.events
from siege import Siege

from leakdrill.network.identity import Credentials

SOCKET_SECONDS = 120.0  # on a busy machine
READ_BYTES = 1 << 16


def message(body: bytes, is_compressed: bool = False) -> bytes:
    """A gRPC message with its prefix."""
    return struct.pack(">BI", is_compressed, len(body)) + body


def tcp(siege: Siege, door: str) -> socket.socket:
    host, _, port = siege.parties.addresses[door].rpartition(":")
    return socket.create_connection((host, int(port)), timeout=SOCKET_SECONDS)


def tls_context(siege: Siege) -> ssl.SSLContext:
    directory = siege.parties.credentials_dir("adversary")
    context = ssl.create_default_context(cadata=Credentials.load(directory).ca.decode())
    context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    context.set_alpn_protocols(["h2"])
    return context


def tls(siege: Siege, door: str, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
    context = context or tls_context(siege)
    return context.wrap_socket(tcp(siege, door), server_hostname=door.partition("/")[0])


class Connection:
    """One HTTP/2 connection. A context manager."""

    def __init__(self, siege: Siege, door: str, context: ssl.SSLContext | None = None) -> None:
        self._socket = tls(siege, door, context)
        self._http = h2.connection.H2Connection()
        self._http.initiate_connection()
        self._trailers: dict[int, dict[str, str]] = {}
        self._ended: set[int] = set()
        self.flush()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def flush(self) -> None:
        self._socket.sendall(self._http.data_to_send())

    def begin(self, method: str, metadata: Sequence[tuple[str, str | bytes]] = ()) -> int:
        """Sends a call's headers; the number of its stream."""
        stream = self._http.get_next_available_stream_id()
        headers = [(":method", "POST"), (":scheme", "https"), (":path", method), (":authority", "party")]
        headers += [("content-type", "application/grpc"), ("te", "trailers")]
        self._http.send_headers(stream, [*headers, *metadata])
        self.flush()
        return stream

    def send(self, stream: int, data: bytes, end: bool = True) -> None:
        """Sends as fast as the server takes it; what it no longer wants is dropped."""
        rest = memoryview(data)
        while len(rest) and stream not in self._ended:
            size = min(self._http.local_flow_control_window(stream), self._http.max_outbound_frame_size, len(rest))
            if size <= 0:
                self._read()
                continue
            self._http.send_data(stream, bytes(rest[:size]))
            rest = rest[size:]
            self.flush()
        if end and stream not in self._ended:
            self._http.end_stream(stream)
            self.flush()

    def reset(self, stream: int) -> None:
        self._http.reset_stream(stream)

    def status(self, stream: int) -> int:
        """Waits for the call's end: its grpc-status, as a number."""
        while stream not in self._ended:
            self._read()
        return int(self._trailers[stream]["grpc-status"])

    def _read(self) -> None:
        data = self._socket.recv(READ_BYTES)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        for event in self._http.receive_data(data):
            if isinstance(event, h2.events.DataReceived):
                self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
                headers = {_text(name): _text(value) for name, value in event.headers}
                self._trailers.setdefault(event.stream_id, {}).update(headers)
            elif isinstance(event, h2.events.StreamEnded | h2.events.StreamReset):
                self._ended.add(event.stream_id)
        self.flush()


def _text(header: bytes | str) -> str:
    return header.decode() if isinstance(header, bytes) else header
