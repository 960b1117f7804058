"""Where data come from: files of the user's, and generators of our own."""
