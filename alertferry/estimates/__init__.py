"""Saying beforehand what a job will carry: how many alerts, how many bytes, and how sure that is.

The job's own plan runs on a sample of the lake, in a process of its own that keeps Spark warm.
"""

from alertferry.estimates.client import ask_estimate, ask_preview, stop_worker, warm_up, while_wanted
from alertferry.estimates.results import (
    Diagnosis,
    Estimate,
    EstimatedStep,
    FieldFacts,
    LineDiagnosis,
    Preview,
    PreviewColumn,
)

__all__ = [
    "Diagnosis",
    "Estimate",
    "EstimatedStep",
    "FieldFacts",
    "LineDiagnosis",
    "Preview",
    "PreviewColumn",
    "ask_estimate",
    "ask_preview",
    "stop_worker",
    "warm_up",
    "while_wanted",
]
