"""Starts cbig: a private listener for the referee and the contract partner, a public one for the predict API."""

import grpc

from leakdrill.network.rpc import Listener
from leakdrill.parties.launch import main
from leakdrill.parties.party import Party, PartyServicer
from leakdrill.pb.inference_pb2_grpc import add_GRPCInferenceServiceServicer_to_server
from leakdrill.pb.party_pb2_grpc import add_PartyServiceServicer_to_server
from leakdrill.pb.source_pb2_grpc import add_SourceServiceServicer_to_server

from .servicer import SourceServicer  # a wheel has this package under the library's name


def listeners(party: Party) -> list[Listener]:
    source = SourceServicer(party)
    referee_calls, public_api = PartyServicer(party, source.configure, defend=source.defend), party.public_api()

    def add_private(server: grpc.aio.Server) -> None:
        add_PartyServiceServicer_to_server(referee_calls, server)
        add_SourceServiceServicer_to_server(source, server)

    return [
        Listener(
            "private",
            add_private,
            services=("leakdrill.v1.PartyService", "leakdrill.v1.SourceService"),
        ),
        Listener(
            "public",
            lambda server: add_GRPCInferenceServiceServicer_to_server(public_api, server),
            services=("inference.GRPCInferenceService",),
        ),
    ]


if __name__ == "__main__":
    main("cbig", listeners)
