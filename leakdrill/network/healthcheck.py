"""Whether a party serves, by the standard gRPC health service. Exit code 0 if it does, else 1.

A container asks itself, with its own certificate.
"""

import argparse
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from leakdrill.errors import LeakdrillError, PartyUnavailable

if TYPE_CHECKING:
    from leakdrill.network.identity import Credentials

SECONDS = 10.0


def check_health(address: str, credentials: "Credentials", party: str) -> None:
    """Raises PartyUnavailable unless `party` serves at "host:port"."""
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    from leakdrill.network.rpc import connect, remote_errors

    with connect(address, credentials, party) as channel, remote_errors(f"{party} at {address}"):
        stub = health_pb2_grpc.HealthStub(channel)
        status = stub.Check(health_pb2.HealthCheckRequest(service="leakdrill.v1.PartyService"), timeout=SECONDS).status
    if status != health_pb2.HealthCheckResponse.SERVING:
        raise PartyUnavailable(f"{party} at {address} is not serving: its log says why")


def check_listening(address: str) -> None:
    """Raises PartyUnavailable where nobody listens at "host:port".

    Before anything of weight is imported: containers ask every second while their parties, which start, need the cores.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=SECONDS).close()
    except OSError as error:
        raise PartyUnavailable(f"nobody listens at {address} yet: {error}") from error


def main() -> None:
    parser = argparse.ArgumentParser(prog="leakdrill.network.healthcheck", description=__doc__)
    parser.add_argument("party")
    parser.add_argument("address", metavar="HOST:PORT", help="of its private listener")
    parser.add_argument("--credentials", type=Path, default=Path("/credentials"), help="default: %(default)s")
    args = parser.parse_args()
    try:
        check_listening(args.address)
        from leakdrill.network.identity import Credentials

        check_health(args.address, Credentials.load(args.credentials), args.party)
    except LeakdrillError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
