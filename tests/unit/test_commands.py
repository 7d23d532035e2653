"""The command line without Spark and Kafka: answers, messages, exit codes."""

import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

JOB = "source: {kind: lsst, nights: [2026-01-01]}\noutput: {kind: kafka, packet: full}\n"


@pytest.fixture
def lake(tmp_path, monkeypatch):
    """A tiny LSST lake with one night."""
    folder = tmp_path / "lake/year=2026/month=01/day=01"
    folder.mkdir(parents=True)
    source = {"psfFlux": 1.0, "ra": 1.0, "band": "g"}
    pq.write_table(pa.Table.from_pylist([{"diaSourceId": 1, "diaSource": source}]), folder / "part-0.parquet")
    monkeypatch.setenv("ALERTFERRY_LAKE_LSST", str(tmp_path / "lake"))
    return folder


def job(tmp_path, text):
    path = tmp_path / "job.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_good_job_passes(alertferry, tmp_path, lake):
    assert alertferry("check", job(tmp_path, JOB)).code == 0
    assert alertferry("check", job(tmp_path, JOB), "--json").json == {"ok": True, "problems": [], "warnings": []}


MALFORMED = """
source: {kind: lsst, nights: NIGHTS}
filters:
  - {kind: sql, where: ["diaSource.psfFlux >", "diaSource.nothing > 1"]}
  - {kind: region, cone: {ra: 1, dec: 2, radius_deg: -3}}
  - {kind: any, of: [{kind: sql, wehre: x}, {kind: sql, where: ["diaSource.ra and true"]}]}
output: {kind: kafka, packet: fulll, partitions: 0}
"""


@pytest.mark.parametrize("nights", ["[2026-01-01]", "[2026-13-01]"])
def test_problems_of_structure_hide_no_others(alertferry, tmp_path, lake, nights):
    text = MALFORMED.replace("NIGHTS", nights)
    found = alertferry("check", job(tmp_path, text), "--json")
    said = {problem["path"]: problem["message"] for problem in found.json["problems"]}
    structure = {"filters[1].cone.radius_deg", "filters[2].of[0].wehre", "filters[2].of[0].where", "output.partitions"}
    conditions = {"filters[0].where[0]", "filters[0].where[1]", "filters[2].of[1].where[0]"}
    assert (found.code, said.keys()) == (
        2,
        structure | conditions | ({"source.nights[0]"} if "13" in nights else set()),
    )
    assert ("as the source cannot be read" in said["filters[0].where[1]"]) == ("13" in nights)
    mended = text.replace("partitions: 0", "").replace("region", "crossmatch")
    said = {
        item["path"]: item["message"] for item in alertferry("check", job(tmp_path, mended), "--json").json["problems"]
    }
    assert "lsst has no packet 'fulll'" in said["output.packet"]
    assert "filters[1], which cannot be read, may add it" in said["filters[0].where[1]"]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("{root}/lake", "is in the lake that is read"),
        ("{root}/lake/year=2026/out", "is in the lake that is read"),
        ("file://{root}/link/new/out", "is in the lake that is read"),
        ("link/../lake/out", "is in the lake that is read"),
        ("{root}", "the lake that is read, {root}/lake, is in {root}"),
        ("x" * 238, "the folder's name has more than 237 bytes"),
        ("y" * 256, "cannot be the name of a file"),
        ("z/" * 2000 + "out", "has more than 3,795 bytes from the root on"),
        ("circle", "{root}/circle is a link that leads nowhere"),
        ("circle/out", "{root}/circle is a link that leads nowhere"),
    ],
)
def test_folders_that_can_hold_no_result(alertferry, tmp_path, lake, monkeypatch, place, said):
    (tmp_path / "link").symlink_to(tmp_path / "lake")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    monkeypatch.chdir(tmp_path)
    written = JOB.replace("{", "{{").replace("}", "}}").replace("kafka", "files, path: '{}'").format
    called = alertferry("check", job(tmp_path, written(place.format(root=tmp_path))), "--json")
    assert (called.code, [problem["path"] for problem in called.json["problems"]]) == (2, ["output.path"])
    assert said.format(root=tmp_path) in called.json["problems"][0]["message"]
    for near in (tmp_path / "lake-of-mine", tmp_path / "new" / "lake", "w" * 237):
        assert alertferry("check", job(tmp_path, written(near))).code == 0


def test_what_is_surely_not_meant_is_a_note(alertferry, tmp_path, lake):
    path = job(tmp_path, JOB.replace("[2026-01-01]", "[2026-01-01, 2026-01-07]"))
    warning = {"path": "source.nights", "message": "no data for 2026-01-07"}
    assert alertferry("check", path, "--json").json == {"ok": True, "problems": [], "warnings": [warning]}
    called = alertferry("check", path)
    assert called.code == 0
    assert "note: source.nights: no data for 2026-01-07" in called.err
    assert "no problem found, but 1 note" in called.out


def test_check_never_says_that_all_is_well_with_what_it_cannot_check(alertferry, tmp_path, lake):
    path = job(tmp_path, JOB + "filters: [{kind: sql, where: [\"diaSource.band rlike '^(g|r)$'\"]}]\n")
    called = alertferry("check", path)
    assert called.code == 0
    assert "diaSource.band rlike '^(g|r)$' is not checked without Spark" in called.err
    assert "no problem found" not in called.out
    assert "nothing is wrong in what can be checked without Spark, but 1 note" in called.out
    assert alertferry("check", path, "--json").json["warnings"][0]["path"] == "filters[0].where[0]"


BOMB = "a: &a [x, x]\nb: [*a, *a]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\xff\xfe\x00", "the job file is not UTF-8 text"),
        ("source: [", "the job file is not valid YAML"),
        (BOMB, "anchors (&) and aliases (*) are not allowed"),
        (JOB.replace("lsst", "lst"), "source.kind: no source 'lst'; did you mean 'lsst'?"),
        (JOB.replace("full", "ful"), "output.packet: lsst has no packet 'ful'; did you mean 'full'?"),
        (
            JOB.replace("packet: full", "fields: [diaSource.rra]"),
            "no field 'diaSource.rra'; did you mean 'diaSource.ra'",
        ),
        (JOB.replace("packet: full", "fields: 7"), "output.fields: must be a list, got 7"),
        (JOB.replace("2026-01-01", "2026-02-01..2026-01-01"), "source.nights[0]: the range is reversed"),
        (JOB.replace("2026-01-01", "2027-01-01"), "has no data for the night asked for: 2027-01-01"),
        (JOB.replace("]}", "], lake: /nowhere}", 1), "source: the lake /nowhere is not a folder"),
        (
            JOB + "filters: [{kind: sql, where: [psfFlux > 1]}]",
            "filters[0].where[0]: line 1, column 1: no field 'psfFlux'; did you mean 'diaSource.psfFlux'?",
        ),
        (JOB + "filters: [{kind: sql, where: [diaSource.ra **2 > 1]}]", "write power(x, y)"),
    ],
)
def test_each_mistake_is_a_sentence_and_exit_code_2(alertferry, tmp_path, lake, text, message):
    called = alertferry("check", job(tmp_path, text), "--json")
    assert called.code == 2
    assert called.json["ok"] is False
    assert any(message in f"{item['path']}: {item['message']}" for item in called.json["problems"]), called.out
    assert "Traceback" not in called.err


def test_a_missing_job_file(alertferry, tmp_path):
    called = alertferry("check", tmp_path / "none.yml")
    assert (called.code, "cannot read the job file" in called.err) == (2, True)


def test_run_refuses_a_bad_job_before_anything_starts(alertferry, tmp_path, lake):
    called = alertferry("run", job(tmp_path, JOB.replace("full", "ful")), "--json")
    assert called.code == 2
    assert called.json["problems"][0]["path"] == "output.packet"


def test_run_needs_a_broker(alertferry, tmp_path, lake, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ALERTFERRY_BOOTSTRAP_SERVERS", raising=False)
    called = alertferry("run", job(tmp_path, JOB))
    assert called.code == 2
    assert "set ALERTFERRY_BOOTSTRAP_SERVERS, or start one here with `alertferry broker start`" in called.err


def test_run_needs_a_lake(alertferry, tmp_path, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ALERTFERRY_LAKE_LSST", raising=False)
    called = alertferry("run", job(tmp_path, JOB.replace("kafka", f"files, path: {tmp_path}/out")))
    assert called.code == 2
    assert "no lake is known for lsst: set ALERTFERRY_LAKE_LSST or source.lake in the job" in called.err
    assert not list(tmp_path.glob("home/jobs/*/job.py"))


def test_a_broker_that_does_not_answer_is_named(alertferry, tmp_path, lake, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    called = alertferry("run", job(tmp_path, JOB))
    assert called.code == 1
    assert "no Kafka broker answers at 127.0.0.1:1" in called.err
    assert "check that it runs" in called.err


def test_nights_are_counted_from_the_files(alertferry, lake):
    called = alertferry("nights", "lsst", "--json")
    assert called.json["nights"] == [{"night": "2026-01-01", "alerts": 1}]


def test_a_lake_is_named_to_every_command_as_to_a_job(alertferry, tmp_path, lake, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_LAKE_ARCHIVE", str(lake.parents[2]))
    monkeypatch.delenv("ALERTFERRY_LAKE_LSST")
    assert alertferry("nights", "lsst", "--lake", "archive", "--json").json["nights"][0]["alerts"] == 1
    (tmp_path / "positions.csv").write_text("id,ra,dec\na,1,2\n")
    found = alertferry("catalog", tmp_path / "positions.csv", "--survey", "lsst", "--lake", "nowhere")
    assert (found.code, "is not a folder" in found.err) == (2, True)
    assert "no lake is known for lsst" in alertferry("nights", "lsst").err


def test_a_lake_of_another_survey_is_not_counted(alertferry, lake):
    called = alertferry("nights", "ztf", "--lake", lake.parents[2])
    assert called.code == 2
    assert "holds no alerts of Zwicky Transient Facility" in called.err
    assert "no column candid" in called.err


@pytest.mark.parametrize(
    "command",
    [
        ("lake", "simulate", "lsst", "", "--nights", "2026-01-01"),
        ("check", ""),
        ("run", ""),
        ("verify", ""),
        ("consume", "topic", "--outdir", ""),
        ("catalog", ""),
        ("demo", "--folder", ""),
    ],
)
def test_an_empty_path_is_not_the_folder_one_is_in(alertferry, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    called = alertferry(*command)
    assert called.code == 2
    assert "a path is empty" in called.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("alerts", "options", "files"), [(20, (), 1), (100, (), 2), (6, ("--files-per-night", 3), 3)])
def test_a_simulated_night_has_as_many_files_as_it_needs(alertferry, tmp_path, alerts, options, files):
    nights = ("--nights", "2026-01-01", "--alerts-per-night", alerts, "--no-cutouts", "--no-history")
    called = alertferry("lake", "simulate", "lsst", tmp_path / "lake", *nights, *options)
    assert called.code == 0
    assert len(list(tmp_path.rglob("*.parquet"))) == files


def test_a_damaged_file_is_named(alertferry, lake):
    (lake / "part-1.parquet").write_bytes(b"PAR1")
    called = alertferry("nights", "lsst")
    assert called.code == 4
    assert "part-1.parquet is not a whole parquet file" in called.err


def test_fields_can_be_searched(alertferry):
    found = alertferry("fields", "lsst", "--search", "psfFlux", "--json").json
    assert {"path", "type", "unit", "description"} == set(found["fields"][0])
    assert all("psfflux" in f"{item['path']} {item['description']}".lower() for item in found["fields"])
    assert set(found["packets"]) == {"full", "medium", "light-static", "light-sso"}
    assert "diaSource.psfFlux" in alertferry("fields", "lsst").out


def test_plugins_are_listed(alertferry):
    kinds = {(item["role"], item["kind"]) for item in alertferry("plugins", "--json").json["plugins"]}
    assert {
        ("source", "ztf"),
        ("source", "lsst"),
        ("filter", "sql"),
        ("output", "kafka"),
        ("launcher", "local"),
    } <= kinds


def test_unknown_survey(alertferry):
    called = alertferry("fields", "lst")
    assert (called.code, "no source 'lst'; did you mean 'lsst'?" in called.err) == (2, True)


def test_check_needs_no_jvm_and_less_than_a_second_of_work(tmp_path, lake):
    """The bound is on processor time, twice the bar: a busy machine must not fail the suite."""
    code = (
        "import sys, time; sys.argv = ['alertferry', 'check', sys.argv[1]]\n"
        "from alertferry.cli import main\n"
        "try: main()\n"
        "except SystemExit as stop: code = stop.code\n"
        "print(time.process_time(), [m for m in ('pyspark', 'py4j', 'pandas', 'astropy') if m in sys.modules])"
    )
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, str(job(tmp_path, JOB))], capture_output=True, text=True, check=True
    )
    seconds, loaded = done.stdout.splitlines()[-1].split(" ", 1)
    assert loaded == "[]"
    assert float(seconds) < 2, f"{seconds} s of processor time, {time.monotonic() - started:.1f} s in all"


def test_ctrl_c_while_the_command_line_is_loaded_is_no_traceback():
    code = (
        "import sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'alertferry.commands.jobs': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "from alertferry.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize(("words", "code", "unwound"), [(["verify", "nowhere"], 2, ""), (["nowhere"], 2, "unwound\n")])
def test_a_command_that_is_done_ends_at_once(words, code, unwound):
    program = (
        "import atexit, sys\n"
        "atexit.register(print, 'unwound')\n"
        f"sys.argv = {['alertferry', *words]!r}\n"
        "from alertferry.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (code, unwound)
    assert "nowhere" in done.stderr


@pytest.mark.parametrize("nights", ["zzz", "2026-13-01", "", "2026-03-01,zzz"])
def test_tags_of_what_is_no_night_are_refused(alertferry, lake, nights):
    answer = alertferry("tags", "lsst", "--lake", lake, "--nights", nights)
    assert answer.code == 2
    assert "--nights" in answer.err
    assert "please report" not in answer.err
