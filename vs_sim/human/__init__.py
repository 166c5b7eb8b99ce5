"""The human dialogues: read from PersuasionForGood as researchers have it, kept as a reference in which people spoke."""
