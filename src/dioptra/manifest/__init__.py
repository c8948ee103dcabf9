"""Task manifests: what plugins offer, known without importing them. Standard library only."""
