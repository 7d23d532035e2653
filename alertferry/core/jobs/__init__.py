"""The jobs of an installation: what was asked for, what became of it, and whose turn it is.

`record` says what is known of a job, `store` keeps it in a database that many processes share, `queue` starts what
may start and finds out what has ended, `retention` removes what has been kept long enough.
"""

from __future__ import annotations

from alertferry.core.jobs.record import ACTIVE, OVER, STATES, JobRecord, new_id

__all__ = ["ACTIVE", "OVER", "STATES", "JobRecord", "new_id"]
