"""Whether a party serves, by the standard gRPC health service. Exit code 0 if it does, else 1.

A container asks itself, with its own certificate.
"""

import argparse
import sys
from pathlib import Path

from grpc_health.v1 import health_pb2, health_pb2_grpc

from leakdrill.errors import LeakdrillError, PartyUnavailable
from leakdrill.network.identity import Credentials
from leakdrill.network.rpc import connect, remote_errors

SECONDS = 10.0


def check_health(address: str, credentials: Credentials, party: str) -> None:
    """Raises PartyUnavailable unless `party` serves at "host:port"."""
    with connect(address, credentials, party) as channel, remote_errors(f"{party} at {address}"):
        stub = health_pb2_grpc.HealthStub(channel)
        status = stub.Check(health_pb2.HealthCheckRequest(service="leakdrill.v1.PartyService"), timeout=SECONDS).status
    if status != health_pb2.HealthCheckResponse.SERVING:
        raise PartyUnavailable(f"{party} at {address} is not serving: its log says why")


def main() -> None:
    parser = argparse.ArgumentParser(prog="leakdrill.network.healthcheck", description=__doc__)
    parser.add_argument("party")
    parser.add_argument("address", metavar="HOST:PORT", help="of its private listener")
    parser.add_argument("--credentials", type=Path, default=Path("/credentials"), help="default: %(default)s")
    args = parser.parse_args()
    try:
        check_health(args.address, Credentials.load(args.credentials), args.party)
    except LeakdrillError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
