"""What the explanation of an empty result says of a field that has no value."""

import pytest

from alertferry.commands.estimates import _fact
from alertferry.estimates.doctor import _advice
from alertferry.estimates.results import FieldFacts, LineDiagnosis


@pytest.mark.parametrize(
    ("null_share", "nan_share", "said"),
    [(1.0, 0.0, "always null"), (0.0, 1.0, "always NaN"), (0.3, 0.7, "always null or NaN"), (0.2, 0.7, "")],
)
def test_nan_is_not_called_null(null_share, nan_share, said):
    fact = FieldFacts(path="Plx", null_share=null_share, nan_share=nan_share)
    line = LineDiagnosis(line="Plx > 1", passing=0, share=0, fields=(fact,))
    advice = _advice([line], by_sql=True)
    assert advice.endswith(f", and Plx is {said}" if said else "no alert fulfils 'Plx > 1'")


def test_both_are_shown():
    assert _fact(FieldFacts(path="Plx", null_share=0.25, nan_share=0.5)) == "Plx: null in 25.0%, NaN in 50.0%"
    assert _fact(FieldFacts(path="Plx", min=1, max=2, null_share=0)) == "Plx: 1 to 2, null in 0.0%"
