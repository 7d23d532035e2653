"""Destinations of the selected alerts."""
