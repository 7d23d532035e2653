"""Tags and blocks: named verdicts about alerts, from providers; classes of alerts.

A provider is found by the entry-point group ``alertferry.tags``; the built-in one serves Fink's filters.
"""
