"""What attacks that are tuned on shadow models share: which are trained, and what is fitted on them."""
