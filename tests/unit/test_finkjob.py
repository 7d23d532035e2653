"""Configuration files of the peer's portal become jobs; what does not fit is told, with what to do."""

import re

import pytest
import yaml

from alertferry.core.check import check_job
from alertferry.core.errors import JobError
from alertferry.core.job import Job
from alertferry.core.registry import default_registry
from alertferry.core.settings import Settings
from alertferry.finkjob import import_fink

pytest.importorskip("fink_filters")

PLAIN = """\
dates:
  startdate: '2026-03-01'
  stopdate: '2026-03-07'
filters:
- is_solar_system
- NOT in_simbad
blocks:
- b_good_quality
- NOT b_is_new
content:
- Light static packet
extra_cond:
- diaSource.psfFlux > 13500
- diaSource.band IN ('g','r');
catalog_filename: ''
"""

EMPTY = """\
dates: {startdate: 2026-03-01, stopdate: 2026-03-01}
filters: null
blocks: null
content: [Full packet]
extra_cond: null
catalog_filename: null
"""

OLD = """\
dates: {startdate: '2026-01-01T00:00:00', stopdate: '2026-01-31T00:00:00'}
filters: [hostless, NOT extragalactic_new]
blocks: [b_outside_galactic_plane]
content: [Light packet]
extra_cond: []
catalog_filename: ''
"""

FIELDS = """\
dates: {startdate: '2026-03-01', stopdate: '2026-03-02'}
filters: []
blocks: [NOT b_is_solar_system]
content: [diaSource.ra, diaObject.ra, xm.simbad_otype, prvDiaSources, diaSource.ra]
extra_cond: ["xm.simbad_otype = 'a;b'; diaSource.snr > 5"]
catalog_filename: ''
"""

BROKEN = """\
dates: {startdate: '2026-03-01', stopdate: '2026-03-02', time: now}
filters: [no_such_tag, b_good_quality, is_solar_system, NOT is_solar_system, 7]
blocks: [b_is_rising]
content: [Full packet, Medium packet, diaSource.dec, tns_type_recomputed, diaSource.rra]
extra_cond:
- psfFlux > 1
- reflect('java.lang.System','getenv','HOME') = 'x'
- diaSource.ra ** 2 < 1
- tns_type_recomputed = 'SN Ia'
catalog_filename: my blazars.csv
colour: blue
"""


def steps(found):
    return [step.to_dict() for step in found.job.filters]


def is_right(found):
    text = found.to_yaml()
    job = Job.from_yaml(text)
    assert job == found.job
    return check_job(job, default_registry(), Settings()) == []


def test_a_usual_file_becomes_the_same_job_without_a_remark():
    found = import_fink(PLAIN, name="datatransfer_20260308_101112")
    assert found.remarks == ()
    assert found.job.name == "datatransfer_20260308_101112"
    assert found.job.source.nights == ("2026-03-01..2026-03-07",)
    assert steps(found) == [
        {"kind": "sql", "where": ["diaSource.psfFlux > 13500", "diaSource.band IN ('g','r')"]},
        {"kind": "tags", "all_of": ["is_solar_system"], "none_of": ["in_simbad"]},
        {"kind": "blocks", "all_of": ["b_good_quality"], "none_of": ["b_is_new"]},
    ]
    assert found.job.output.to_dict() == {"kind": "kafka", "packet": "light-static"}
    assert is_right(found)
    assert not found.to_yaml().startswith("#")


def test_empty_lists_are_no_filters():
    found = import_fink(EMPTY)
    assert (found.remarks, found.job.filters) == ((), ())
    assert found.job.source.nights == ("2026-03-01",)
    assert found.job.output.packet == "full"
    assert is_right(found)


def test_names_of_former_times_are_mapped_and_said():
    found = import_fink(OLD)
    assert steps(found) == [
        {"kind": "tags", "all_of": ["hostless_candidate"], "none_of": ["extragalactic_new_candidate"]},
        {"kind": "blocks", "all_of": ["b_outside_galactic_plane_20_deg"]},
    ]
    assert found.job.output.packet == "light-static"
    assert found.job.source.nights == ("2026-01-01..2026-01-31",)
    said = {remark.path: remark.message for remark in found.remarks}
    assert "'hostless' is called 'hostless_candidate' now" in said["filters[0]"]
    assert "there is also b_outside_galactic_plane_5_deg" in said["blocks[0]"]
    assert "light-static now; for solar system objects take light-sso" in said["content[0]"]
    assert is_right(found)
    assert found.to_yaml().startswith("# not as it was: ")


def test_fields_keep_their_order_and_a_semicolon_in_quotes_divides_nothing():
    found = import_fink(FIELDS)
    assert found.remarks == ()
    assert found.job.output.fields == ("diaSource.ra", "diaObject.ra", "xm.simbad_otype", "prvDiaSources")
    assert steps(found)[0]["where"] == ["xm.simbad_otype = 'a;b'", "diaSource.snr > 5"]
    assert is_right(found)


def test_what_does_not_fit_is_told_and_left_out():
    found = import_fink(BROKEN)
    assert steps(found) == [
        {"kind": "tags", "all_of": ["is_solar_system"]},
        {"kind": "blocks", "all_of": ["b_is_rising"]},
    ]
    assert found.job.output.to_dict() == {"kind": "kafka", "packet": "full"}
    assert is_right(found)
    said = [str(remark) for remark in found.remarks]
    for part in (
        "colour: no such key",
        "dates.time: no such key",
        "filters[0]: no tag 'no_such_tag'",
        "filters[1]: no tag 'b_good_quality' for lsst: it is a block",
        "filters[3]: 'is_solar_system' is asked for and excluded",
        "filters[4]: must be text, got 7",
        "did you mean 'diaSource.psfFlux'",
        "reflect() is not allowed in a condition",
        "write power(x, y)",
        "xm.tns_type is the type known when the alert came",
        "content[4]: no field 'diaSource.rra'; did you mean 'diaSource.ra'",
        "it takes full, not medium, diaSource.dec",
        "catalog_filename: the file does not say how 'my blazars.csv' is matched: give --radius-arcsec",
    ):
        assert any(part in line for line in said), (part, said)


def test_a_radius_brings_the_catalogue_into_the_job(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = EMPTY.replace("catalog_filename: null", "catalog_filename: stars.csv")
    absent = import_fink(text, radius_arcsec=1.5)
    assert steps(absent) == [{"kind": "crossmatch", "catalog": "stars.csv", "radius_arcsec": 1.5}]
    assert "is in the job, but" in absent.remarks[0].message
    (tmp_path / "stars.csv").write_text("id,ra,dec\na,1.0,2.0\n")
    assert import_fink(text, radius_arcsec=1.5).remarks == ()


def test_other_nights_can_be_named():
    assert import_fink(PLAIN, nights=["2026-05-01"]).job.source.nights == ("2026-05-01",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1", "this is no configuration of Fink's Data Transfer"),
        ("- a", "the configuration must be a mapping"),
        ("dates: &a {}\nfilters: *a", "anchors (&) and aliases (*) are not allowed"),
        ("dates: null\nfilters: [is_solar_system]", "name them with --nights"),
        ("dates: {startdate: soon, stopdate: null}", "name them with --nights"),
        ("dates: {startdate: '2026-03-02', stopdate: '2026-03-01'}", "the range is reversed"),
        ("dates: {startdate: '2026-03-01', stopdate: '2026-03-01'}\nfilters: [x]", "nothing but the dates"),
    ],
)
def test_a_file_of_which_nothing_can_be_used_is_refused(text, message):
    with pytest.raises(JobError, match=re.escape(message)) as caught:
        import_fink(text)
    assert caught.value.exit_code == 2


def test_any_key_may_be_missing_or_of_another_type():
    """The portal's own check of such files breaks on them; ours says a sentence or makes a job."""
    whole = yaml.safe_load(PLAIN)
    for key in whole:
        for value in (None, [], {}, "x", 3, [None], [["a"]], {"a": 1}, True):
            data = {**whole, key: value}
            try:
                found = import_fink(yaml.safe_dump(data))
            except JobError:
                continue
            assert Job.from_yaml(found.to_yaml()) == found.job


def test_the_command_prints_the_job_and_remarks_apart(alertferry, tmp_path):
    file, out = tmp_path / "datatransfer_20260101_000000.yml", tmp_path / "job.yml"
    file.write_text(OLD)
    called = alertferry("import-fink", file)
    assert called.code == 0
    assert Job.from_yaml(called.out).name == "datatransfer_20260101_000000"
    assert "'hostless' is called 'hostless_candidate' now" in called.err
    assert alertferry("import-fink", file, "--out", out).code == 0
    assert alertferry("check", out).code == 0
    again = alertferry("import-fink", file, "--out", out)
    assert (again.code, "exists already" in again.err) == (2, True)
    answer = alertferry("import-fink", file, "--nights", "2026-05-01,2026-05-03", "--json").json
    assert answer["job"]["source"]["nights"] == ["2026-05-01", "2026-05-03"]
    assert len(answer["remarks"]) == 4
    assert alertferry("import-fink", tmp_path / "none.yml").code == 2
