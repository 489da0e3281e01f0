"""The daemon and its people: configuration, composition, health, control, command line."""
