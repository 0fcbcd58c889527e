"""People who play the adversary: what they are given, what they hand in, how it is counted, and what they are told."""
