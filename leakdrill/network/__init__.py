"""How parties talk to each other and who may: gRPC, identities, policy, audit. Knows nothing of what is said."""
