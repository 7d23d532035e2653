"""Selections of alerts."""
