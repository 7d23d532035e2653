"""What Spark says about the tasks of a write: how long they computed, collected garbage, and waited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def last_stage(spark: SparkSession) -> int:
    """Return the highest number of a stage so far, -1 when there was none."""
    return max((stage.stageId() for stage in _stages(spark)), default=-1)


def task_seconds(spark: SparkSession, after: int) -> dict[str, float]:
    """Return ``task_cpu``, ``task_gc`` and ``task_wait`` in seconds of all tasks of stages later than ``after``.

    What Python workers compute counts as waiting.
    """
    stages = [stage for stage in _stages(spark) if stage.stageId() > after]
    total = sum(stage.executorRunTime() for stage in stages) / 1e3
    cpu, gc = sum(stage.executorCpuTime() for stage in stages) / 1e9, sum(stage.jvmGcTime() for stage in stages) / 1e3
    return {"task_cpu": cpu, "task_gc": gc, "task_wait": max(0.0, total - cpu - gc)}


def _stages(spark: SparkSession) -> list[Any]:
    context = spark.sparkContext
    gateway, store = context._gateway, context._jsc.sc().statusStore()
    assert gateway is not None
    quantiles = gateway.new_array(gateway.jvm.double, 0)
    found = store.stageList(None, False, False, quantiles, gateway.jvm.java.util.ArrayList())
    return [found.apply(index) for index in range(found.size())]
