"""Performance, side by side with a peer or with the bare model, as ratios measured in one run."""
