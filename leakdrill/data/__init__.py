"""Examples, the form they have, and the deal that decides who holds which."""
