"""What attacks on confidence vectors share: what they ask, and what they read in the answers."""
