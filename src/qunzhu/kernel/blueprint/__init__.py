"""One YAML file that describes a whole community: schema of all eight chapters, loader with line numbers, init."""
