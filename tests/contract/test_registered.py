"""The contracts, on every step that any installed plugin registers: none can be left out."""

import pytest

from alertferry.core.registry import default_registry
from alertferry.core.steps import Predicate
from alertferry.testing.contracts import FilterContract, OutputContract, PredicateContract, SourceContract, StepContract


def contract(role, step):
    if role == "source":
        return SourceContract
    if role == "filter":
        return PredicateContract if issubclass(step, Predicate) else FilterContract
    return OutputContract if role == "output" else StepContract


def sentences():
    for role, steps in default_registry().steps.items():
        for kind, entry in steps.items():
            cls = contract(role, entry.step)
            for name in dir(cls):
                if name.startswith("test_"):
                    yield pytest.param(cls, entry.step, name, id=f"{role}-{kind}-{name.removeprefix('test_')}")


@pytest.mark.spark
@pytest.mark.parametrize(("contract", "step", "name"), list(sentences()))
def test_contract(contract, step, name, request, monkeypatch):
    if contract is OutputContract:
        monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", request.getfixturevalue("broker").bootstrap_servers)
    case = type("Case", (contract,), {"step": step})()
    test = getattr(case, name)
    wanted = test.__code__.co_varnames[1 : test.__code__.co_argcount]
    test(**{fixture: request.getfixturevalue(fixture) for fixture in wanted})
