"""Starts the adversary: one private listener, for the referee alone."""

import grpc

from leakdrill.network.rpc import Listener
from leakdrill.parties.launch import main
from leakdrill.parties.party import Party, PartyServicer
from leakdrill.pb.adversary_pb2_grpc import add_AdversaryServiceServicer_to_server
from leakdrill.pb.party_pb2_grpc import add_PartyServiceServicer_to_server

from .servicer import AdversaryServicer  # a wheel has this package under the library's name


def listeners(party: Party) -> list[Listener]:
    adversary = AdversaryServicer(party)
    referee_calls = PartyServicer(party, adversary.configure, defend=adversary.learn)

    def add_private(server: grpc.aio.Server) -> None:
        add_PartyServiceServicer_to_server(referee_calls, server)
        add_AdversaryServiceServicer_to_server(adversary, server)

    return [
        Listener(
            "private",
            add_private,
            services=("leakdrill.v1.PartyService", "leakdrill.v1.AdversaryService"),
        ),
    ]


if __name__ == "__main__":
    main("adversary", listeners, has_successors=True)
