"""Channels: names under which an index offers locks to workers, serial after serial."""
