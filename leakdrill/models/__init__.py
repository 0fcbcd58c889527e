"""Networks as they are trained, transferred, kept and sent."""
