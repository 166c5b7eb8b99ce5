"""A run as files that other tools read: what `vs-sim export` writes, with a data card and a data dictionary."""
