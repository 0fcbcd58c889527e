"""What a service is built from: its process, disk, ledger, messages, metrics, and the public APIs on its models."""
