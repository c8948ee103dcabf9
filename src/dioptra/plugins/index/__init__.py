"""The index: what is published, how it is laid out, and the pages that clients read."""
