"""What parties say to each other and who may: gRPC, identities, policy, audit, metrics."""
