"""A simulated multi-party testbed for privacy attacks on transfer learning."""
