"""Surveys: lake layout, column roles, packets."""
