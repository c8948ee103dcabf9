"""Distribution of plugins: build, publish, resolve, lock and sync. The command line is `dioptra.plugins.cli`."""
