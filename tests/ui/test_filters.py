"""All that a job file can say of filters, times and delivery can be made and changed in the page."""

from pathlib import Path

from alertferry.core.job import Job
from alertferry.core.registry import Registered, default_registry
from alertferry.core.steps import Predicate
from alertferry.ui.draft import Draft, first_of, new_draft, walk, with_filter, with_nights, with_tag
from alertferry.ui.wizard import Wizard
from tests.ui.sessions import enter, turn_to, until

EXAMPLE = Path(__file__).parents[2] / "examples" / "starwatch"

GROUPS = """\
version: 1
source: {kind: ztf, nights: [2026-03-01], times: ["2026-03-01T03:00:00..2026-03-01T05:30:00"]}
filters:
- kind: any
  of:
  - {kind: sql, where: [candidate.rb > 0.5]}
  - kind: not
    of: [{kind: class, any_of: [RRLyr, (TNS) SN Ia]}, {kind: all, of: [{kind: tags, any_of: [blazar]}]}]
- {kind: class, none_of: [(SIMBAD) EB*]}
- {kind: sql, where: [candidate.magpsf < 19]}
output: {kind: files, path: alerts, packet: full}
"""


def all_jobs():
    """Return jobs with every filter that there is, alone and in groups."""
    known = default_registry().steps["filter"]
    for survey, kinds in (("lsst", ["blocks", "sql"]), ("ztf", sorted(known.keys() - {"blocks"}))):
        steps = [example for kind in kinds for example in known[kind].step.examples()]
        matches = [{**step.to_dict(), "name": f"match{n}"} for n, step in enumerate(steps) if step.kind == "crossmatch"]
        decide = [step.to_dict() for step in steps if isinstance(step, Predicate)]
        filters = [*decide, *matches, {"kind": "not", "of": [{"kind": "any", "of": decide}, *decide]}]
        source, output = {"kind": survey, "nights": ["2026-03-01"]}, {"kind": "kafka", "fields": ["a.b"]}
        yield Job.from_dict({"source": source, "filters": filters, "output": output})
    yield Job.from_yaml(GROUPS)


def test_looking_at_any_job_in_every_panel_changes_nothing(session):
    wizard = Wizard(session, lambda: None)
    step, content = wizard.step("filters"), wizard.step("content")
    for job in all_jobs():
        session.update(Draft.of(job))
        for kind in step._makers:
            step.show(kind)
        for place, _ in walk(session.draft.filters):
            step.edit(place)
            step.refresh()
        content.refresh()
        assert (session.draft, session.draft.to_job()) == (Draft.of(job), job)


def test_groups_are_made_and_changed_in_the_list_of_all(session):
    wizard = Wizard(session, lambda: None)
    wizard.go("filters")
    step = wizard.step("filters")
    session.update(with_tag(session.draft, "tags", "in_tns", "with"))
    step.tabs._handle_msg({"value": "all"})
    tree = step._made["all"].tree

    def act(name, place):
        tree._handle_msg({"act": name, "place": place})

    assert [(row["title"], row["about"]) for row in tree.rows] == [("Tags", "require in_tns")]
    tree._handle_msg({"add": "any", "place": ""})
    act("down", "0")
    assert session.draft.filters == ({"kind": "any", "of": [{"kind": "tags", "all_of": ["in_tns"]}]},)
    assert tree.at == "down 0.0"
    tree._handle_msg({"add": "sql", "place": "0"})
    assert (step.editing, step.edited.object) == ((0, 1), "<h2>Filter 1.2: Conditions</h2>")
    until(lambda: step._made["sql"].editor.others)
    assert not step.problems.visible
    assert [item["value"] for item in step.tabs.items if item["fault"]] == ["all"]
    editor = step._made["sql"].editor
    editor._handle_msg({"text": "diaSource.snr > 5", "of": editor.of})
    step.show("all")
    editor._handle_msg({"text": "late", "of": editor.of + "0"})
    act("not", "0.0")
    tree._handle_msg({"group": "all", "place": "0"})
    inner = [
        {"kind": "not", "of": [{"kind": "tags", "all_of": ["in_tns"]}]},
        {"kind": "sql", "where": ["diaSource.snr > 5"]},
    ]
    assert session.draft.filters == ({"kind": "all", "of": inner},)
    act("not", "0.0")
    act("up", "0.0")
    act("remove", "1")
    assert session.draft.filters == ({"kind": "tags", "all_of": ["in_tns"]},)
    for place in ("7", "0.0", "x", "-1", "0.9.9"):
        for name in ("edit", "up", "remove", "nonsense"):
            act(name, place)
    assert len(session.draft.filters) == 1


def test_a_filter_of_a_plugin_has_a_form_and_its_faults_are_marked(session, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLE))
    from starwatch import Brighter

    known = default_registry().steps["filter"]
    entry = Registered("filter", "brighter", Brighter, "starwatch", "starwatch", "1.0")
    monkeypatch.setitem(known, "brighter", entry)
    wizard = Wizard(session, lambda: None)
    wizard.go("filters")
    step = wizard.step("filters")
    step.tabs._handle_msg({"value": "all"})
    step._made["all"].tree._handle_msg({"add": "brighter", "place": ""})
    panel = step._made["brighter"]
    until(lambda: panel.form.view.faults == ["than"])
    enter(panel.form, than="six")
    until(lambda: step.problems.lines == ["Brighter, Than: must be a number, got 'six'"])
    enter(panel.form, than="6.5")
    assert session.draft.filters == ({"kind": "brighter", "than": 6.5},)
    panel.form.view._handle_msg({"of": "another filter", "path": "than", "text": "1"})
    panel.form.view._handle_msg({"of": panel.form.view.of, "path": "nonsense", "text": "1"})
    assert session.draft.filters == ({"kind": "brighter", "than": 6.5},)


def test_classes_of_ztf_are_chosen_as_tags_are(session):
    session.update(new_draft("ztf", "light"))
    wizard = Wizard(session, lambda: None)
    wizard.go("filters")
    step = wizard.step("filters")
    assert "blocks" not in {item["value"] for item in step.tabs.items}
    step.tabs._handle_msg({"value": "class"})
    listed = step._made["class"].list
    names = [item["name"] for item in listed.items]
    assert {"SN candidate", "RRLyrae", "(TNS) SN Ia"} <= set(names)
    assert len(names) == len(set(names))
    for name, choice in (("SN candidate", "one of"), ("RRLyrae", "without"), ("EB*", "with"), ("nonsense", "one of")):
        listed._handle_msg({"name": name, "choice": choice})
    assert first_of(session.draft, "class") == {"kind": "class", "any_of": ["SN candidate"], "none_of": ["RRLyrae"]}
    session.update(with_filter(session.draft, "class", {"any_of": ["RRLyr", "nonsense"]}))
    (first, second) = listed.items[:2]
    assert (first["name"], first["reason"]) == ("RRLyr", None)
    assert (second["name"], bool(second["reason"])) == ("nonsense", True)


def test_times_and_delivery_are_options_in_the_page(session):
    wizard = Wizard(session, lambda: None)
    session.update(with_nights(session.draft, ["2026-03-01"]))
    turn_to(wizard, "filters")
    step = wizard.step("filters")
    step.tabs._handle_msg({"value": "times"})
    form = step._made["times"].form.form
    enter(form, times="2026-03-01T03:00..2026-03-01T05:30\nlater")
    until(lambda: step.problems.visible)
    assert step.problems.lines[0].startswith("Times, time 2: ")
    enter(form, times="2026-03-01T03:00..2026-03-01T05:30")
    assert session.draft.source["times"] == ["2026-03-01T03:00..2026-03-01T05:30"]
    turn_to(wizard, "content")
    content = wizard.step("content")
    enter(content.delivery.form, partitions="3", oversize="skip")
    assert session.draft.output == {"kind": "kafka", "packet": "light-static", "partitions": 3, "oversize": "skip"}
    content.output._handle_msg({"value": "files"})
    enter(content.delivery.form, path="alerts")
    assert session.draft.output == {"kind": "files", "packet": "light-static", "path": "alerts"}
    until(lambda: session.job is not None)
