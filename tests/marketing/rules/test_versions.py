"""Rules of an older version mean what they meant; of one that is unknown they are refused."""

from typing import Any

import pytest

from marketing.rules import RuleError, explain, tree, validate


def in_the_next_version(old: dict[str, Any]) -> dict[str, Any]:
    """As if the next version called `all` “every”, which today's does not know."""
    return {"version": 2, "all": old["every"]}


def test_rules_of_an_older_version_are_read_in_the_version_of_today(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tree, "VERSION", 2)
    monkeypatch.setattr(tree, "UPGRADES", {1: in_the_next_version})
    german = {"field": "country", "op": "is", "value": "DE"}

    said = {
        explain(rules={"version": 1, "every": [german]}),
        explain(rules={"version": 2, "all": [german]}),
    }

    assert len(said) == 1
    assert "DE" in said.pop()


@pytest.mark.parametrize("version", [0, 2, "1", None, [1], 1.5])
def test_rules_of_an_unknown_version_are_refused(version: object) -> None:
    with pytest.raises(RuleError, match="version"):
        validate(rules={"version": version, "all": []})
