"""The frameworks: one file each, imported in the framework's own worker process alone."""
