"""A sheet of persuader turns for people to label with strategies (being written)."""
