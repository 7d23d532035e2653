"""NaN in a comparison is unknown, as null is, whoever wrote the file and however a condition stands in a job."""

import re
from functools import reduce
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from alertferry.core.conditions import compile_condition, compile_filter
from alertferry.core.errors import JobError
from alertferry.core.selection import Selection
from alertferry.core.steps import Alerts
from alertferry.plugins.filters.combine import AllOf, AnyOf, NoneOf
from alertferry.plugins.filters.sql import Sql
from alertferry.plugins.sources.lsst import Lsst
from tests.three_valued import COMPARISONS, INF, ROWS, SCHEMA, apply, column, compared_by, conditions, known, leaf

pytestmark = pytest.mark.spark

TYPES = pa.schema(
    [
        *((name, pa.float64()) for name in ("d", "e")),
        ("f", pa.float32()),
        ("k", pa.int32()),
        *((name, pa.string()) for name in ("s", "t")),
        ("flag", pa.bool_()),
        ("nums", pa.list_(pa.float64())),
        ("st", pa.struct([("v", pa.float64()), ("w", pa.int32())])),
        ("hist", pa.list_(pa.struct([("v", pa.float64()), ("b", pa.string())]))),
        ("id", pa.int32()),
        ("writer", pa.string()),
    ]
)
GROUP = 3


def _sorted_by(name):
    """Return the rows, near values of a column together: bounds of row groups then tell something."""
    return sorted(
        enumerate(ROWS), key=lambda item: (item[1][name] is None, known(item[1][name]) is None, item[1][name])
    )


def _tables(writer):
    """Return the rows as tables, in more than one order."""
    for name in ("d", "f"):
        rows = [{**row, "id": number, "writer": f"{writer}-{name}"} for number, row in _sorted_by(name)]
        yield name, pa.Table.from_pylist(rows, TYPES)


def _pyarrow(folder, name, **options):
    for order, table in _tables(name):
        pq.write_table(table, folder / f"{name}-{order}.parquet", row_group_size=GROUP, **options)


def _polars(folder):
    for order, table in _tables("polars"):
        file = folder / f"polars-{order}.parquet"
        pl.from_arrow(table).write_parquet(file, row_group_size=GROUP, statistics="full")


def _duckdb(folder):
    for order, table in _tables("duckdb"):
        for start in range(0, len(table), GROUP):  # its row groups are never this small
            part = table.slice(start, GROUP)
            file = folder / f"duckdb-{order}-{start}.parquet"
            duckdb.from_arrow(part).write_parquet(str(file))


def _spark(folder, spark):
    for order, table in _tables("spark"):
        for start in range(0, len(table), GROUP):
            frame = spark.createDataFrame(table.slice(start, GROUP)).coalesce(1)
            frame.write.parquet(str(folder / f"spark-{order}-{start}"))
    for file in folder.glob("spark-*/*.parquet"):
        file.rename(folder / f"{file.parent.name}.parquet")


@pytest.fixture(scope="module")
def lake(spark, tmp_path_factory):
    """The rows as each writer has them, in one frame: every alert once for each writer and order."""
    folder = tmp_path_factory.mktemp("writers")
    _pyarrow(folder, "pyarrow", write_page_index=True)
    _pyarrow(folder, "without-statistics", write_statistics=False)
    _pyarrow(folder, "without-dictionaries", use_dictionary=False, data_page_version="2.0")
    _polars(folder)
    _duckdb(folder)
    _spark(folder, spark)
    frame = spark.read.schema(f"{SCHEMA}, id int, writer string").parquet(str(folder / "*.parquet"))
    assert frame.groupBy("writer").count().toPandas()["count"].tolist() == [len(ROWS)] * 12
    return Alerts(frame, Lsst.survey)


@pytest.fixture(params=[True, False], ids=["vectorised", "by-record"])
def reader(request, spark):
    """Read in batches or record by record, without generated code: compiling it would take far longer."""
    changed = {
        "spark.sql.parquet.enableVectorizedReader": str(request.param).lower(),
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    }
    before = {name: spark.conf.get(name) for name in changed}
    for name, value in changed.items():
        spark.conf.set(name, value)
    yield
    for name, value in before.items():
        spark.conf.set(name, value)


def _kept(selections):
    """Return what each selection keeps, read from the files as a run does: sets of (writer, id)."""
    from pyspark.sql import functions as F

    frames = [item.alerts.frame.select(F.lit(n).alias("n"), "writer", "id") for n, item in enumerate(selections)]
    found = [set() for _ in selections]
    for row in reduce(lambda one, other: one.unionAll(other), frames).collect():
        found[row.n].add((row.writer, row.id))
    return found


def _judged(alerts, steps):
    """Return what each step keeps, decided alert by alert, as estimates and receipts count: sets of (writer, id)."""
    columns = [step.bound(alerts).alias(f"c{n}") for n, step in enumerate(steps)]
    rows = alerts.frame.select("writer", "id", *columns).collect()
    return [{(row.writer, row.id) for row in rows if row[f"c{n}"]} for n in range(len(steps))]


def _selection(alerts, step):
    selection = Selection("lake", alerts)
    selection.filter(step)
    return selection


def _accepted(step, alerts):
    """Return whether a random condition is small enough; it may be refused for nothing else."""
    try:
        step.checked(alerts)
    except JobError as error:
        return not any(word in str(error) for word in ("too large", "more than"))  # what else it is shows up later
    return True


def _wrong(alerts, drawn):
    """Return the conditions that keep other alerts than the reference, with what is too much and what is missing."""
    writers = [row.writer for row in alerts.frame.select("writer").distinct().collect()]
    accepted = [(text, Sql(where=(text,)), meaning) for text, meaning in drawn]
    accepted = [case for case in accepted if _accepted(case[1], alerts)]
    cases = []
    for text, step, meaning in accepted:
        wanted = {number for number, row in enumerate(ROWS) if meaning(row) is True}
        cases.append((text, step, wanted))
        cases.append((f"not: {text}", NoneOf(of=(step,)), set(range(len(ROWS))) - wanted))
        cases.append((f"any: {text}", AnyOf(of=(step, Sql(where=("false",)))), wanted))
        cases.append((f"all: {text}", AllOf(of=(step, NoneOf(of=(NoneOf(of=(step,)),)))), wanted))
    ways = [(cases[::4], _kept([_selection(alerts, step) for _, step, _ in cases[::4]]))]
    ways.append((cases, _judged(alerts, [step for _, step, _ in cases])))
    wrong = []
    for asked, answers in ways:
        for (text, _, wanted), found in zip(asked, answers, strict=True):
            expected = {(writer, number) for writer in writers for number in wanted}
            if found != expected:
                wrong.append((text, sorted(found - expected), sorted(expected - found)))
    return wrong


@pytest.mark.parametrize("reader", [True], ids=["vectorised"], indirect=True)
def test_comparisons_at_the_edges_of_what_readers_skip(lake, reader):
    """Bounds of row groups leave NaN out, and a dictionary tells -0.0 from 0.0."""
    drawn = [
        apply("({} " + symbol + " {})", compared_by(COMPARISONS[symbol]), column(name), leaf(text, value))
        for name, symbol, text, value in [
            ("d", ">", "1000", 1000.0),
            ("d", ">=", "0D", 0.0),
            ("d", "=", "0", 0.0),
            ("f", "=", "-0.0D", 0.0),
            ("f", "<=", "-0.0D", 0.0),
            ("st.v", "<>", "0", 0.0),
            ("st.v", ">", "float('inf')", INF),
        ]
    ]
    drawn.append(apply("({} in (0, 7D))", lambda x: None if known(x) is None else x == 0, column("d")))
    drawn.append(apply("(not {} < 0D)", lambda x: None if known(x) is None else x >= 0, column("d")))
    drawn.append(apply("({} <=> double('NaN'))", lambda x: x is not None and known(x) is None, column("d")))
    assert _wrong(lake, drawn) == []


def test_comparisons_of_fields_reach_the_parquet_reader(lake):
    def pushed(text):
        plan = lake.frame.where(compile_filter(lake.frame, text))._jdf.queryExecution().executedPlan().toString()
        return re.search(r"PushedFilters: \[(.*?)\](?:, |\n)", plan)[1]

    assert pushed("d > 5") == "IsNotNull(d), GreaterThan(d,5.0)"
    assert pushed("5 >= st.v") == "IsNotNull(st.v), LessThanOrEqual(st.v,5.0)"
    assert pushed("f < 19.5 and s = 'g'") == "IsNotNull(f), IsNotNull(s), LessThan(f,19.5), EqualTo(s,g)"
    assert "GreaterThanOrEqual(d,1.0), LessThanOrEqual(d,2.0)" in pushed("d between 1 and 2")
    assert "In(d, [1.0,2.0])" in pushed("d in (1, 2)")
    assert "LessThanOrEqual(d,5.0)" in pushed("not (d > 5 or k = 3)")
    assert pushed("d <=> double('NaN')") == ""


def _documented():
    """Yield the conditions of the documentation's truth table, with what they are of 2.5, NaN and null."""
    text = (Path(__file__).parents[2] / "docs" / "conditions.md").read_text()
    table = re.search(r"\| condition \| 2\.5 \| NaN \| null \|\n\|[-|]+\|\n((?:\|.*\|\n)+)", text)[1]
    for line in table.strip().split("\n"):
        said, *words = (cell.strip() for cell in line.strip("|").split("|"))
        for condition in re.findall("`(.*?)`", said):
            texts = [condition[:-1] + more for more in (", double('NaN'))", ", null)")] if "in the list" in said else []
            yield from ((text, words) for text in texts or [condition])


def test_the_truth_table_of_the_documentation(spark):
    frame = spark.sql("SELECT double(2.5) x, 1 n UNION ALL SELECT double('NaN'), 2 UNION ALL SELECT double(null), 3")
    cases = list(_documented())
    assert len(cases) > 15
    columns = [compile_condition(frame, text).alias(str(index)) for index, (text, _) in enumerate(cases)]
    rows = frame.orderBy("n").select(columns).collect()
    shown = {True: "true", False: "false", None: "unknown"}
    found = [(text, [shown[row[index]] for row in rows]) for index, (text, _) in enumerate(cases)]
    assert found == cases


def test_functions_that_are_made_of_comparisons_keep_their_meaning(spark):
    """Where a user wrote no comparison, none is rewritten."""
    frame = spark.sql("SELECT double('NaN') x, array(2D, double('NaN'), 1D) xs")
    for text, wanted in {
        "nullif(x, double('NaN')) is null": True,
        "array_sort(xs)[2] <=> double('NaN')": True,
        "isnan(array_sort(xs, (a, b) -> case when a < b then -1 when a > b then 1 else 0 end)[2])": True,
        "isnan(greatest(x, 1D))": True,
        "array_contains(xs, double('NaN'))": True,
        "equal_null(x, double('NaN'))": True,
        "x is distinct from 1D": True,
        "xs = array(2D, double('NaN'), 1D)": True,
    }.items():
        assert frame.select(compile_condition(frame, text)).first()[0] is wanted, text
        assert frame.where(compile_filter(frame, text)).count() == wanted, text


# one drawing after another, and all that is wrong at once: conditions of this size take too long to shrink
_DRAWN = settings(
    deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.generate,), print_blob=False, max_examples=1
)


@_DRAWN
@given(drawn=st.lists(conditions(), min_size=25, max_size=25))
def test_random_conditions_keep_what_three_valued_logic_says(lake, reader, drawn):
    assert _wrong(lake, drawn) == []


@pytest.mark.soak
@settings(_DRAWN, max_examples=20)
@given(drawn=st.lists(conditions(), min_size=25, max_size=25))
def test_a_thousand_conditions_keep_what_three_valued_logic_says(lake, reader, drawn):
    assert _wrong(lake, drawn) == []
