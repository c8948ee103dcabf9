"""From requirements to one version of every project."""
