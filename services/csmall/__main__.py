"""Starts csmall: a private listener, a public one for its APIs, and the channel its insider opens at the breach."""

import grpc

from leakdrill.network.rpc import Listener
from leakdrill.parties.launch import main
from leakdrill.parties.party import Party, PartyServicer
from leakdrill.pb.inference_pb2_grpc import add_GRPCInferenceServiceServicer_to_server
from leakdrill.pb.party_pb2_grpc import add_PartyServiceServicer_to_server
from leakdrill.pb.target_pb2_grpc import add_ExfiltrationServiceServicer_to_server, add_TargetServiceServicer_to_server

from .servicer import ExfiltrationServicer, TargetServicer  # a wheel has this package under the library's name


def listeners(party: Party) -> list[Listener]:
    target = TargetServicer(party)
    exfiltration = ExfiltrationServicer(target)
    referee_calls, public_api = PartyServicer(party, target.configure, target.breach, target.defend), party.public_api()

    def add_private(server: grpc.aio.Server) -> None:
        add_PartyServiceServicer_to_server(referee_calls, server)
        add_TargetServiceServicer_to_server(target, server)

    return [
        Listener(
            "private",
            add_private,
            services=("leakdrill.v1.PartyService", "leakdrill.v1.TargetService"),
        ),
        Listener(
            "public",
            lambda server: add_GRPCInferenceServiceServicer_to_server(public_api, server),
            services=("inference.GRPCInferenceService",),
        ),
        Listener(
            "exfiltration",
            lambda server: add_ExfiltrationServiceServicer_to_server(exfiltration, server),
            services=("leakdrill.v1.ExfiltrationService",),
        ),
    ]


if __name__ == "__main__":
    main("csmall", listeners)
