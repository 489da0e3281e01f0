"""Roles and verbs, units, exit codes, where things are by default. Imports no other room."""
