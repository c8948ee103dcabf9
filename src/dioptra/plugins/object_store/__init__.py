"""Where an index is kept: one port, with a directory, S3 and the web behind it."""
