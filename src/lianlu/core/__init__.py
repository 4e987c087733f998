"""Mechanisms without nouns of the field: errors, events, jobs, registry, recipes, steps, settings, files, console."""
