"""Where data come from: the user's files, and generators of made-up data."""
