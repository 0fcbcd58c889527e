"""What a service is built from: its process, disk, ledger, and the public APIs on its models."""
