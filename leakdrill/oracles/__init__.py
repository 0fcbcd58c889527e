"""Black-box access: what an attack may ask, of a party's API or of any server."""
