"""The three frameworks: one file each, imported in that framework's own worker process alone."""
