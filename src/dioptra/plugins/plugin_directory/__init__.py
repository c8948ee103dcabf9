"""The plugin directory of a worker: store, environments, generations and sync."""
