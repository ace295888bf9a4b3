"""What the fault proxies and links do under each condition."""

from __future__ import annotations

from typing import Any

from lab.conditions import Conditions, link_states, rules_for
from lab.places import HOME, RECOVERY, SOURCES, WITNESS, Places


def outcome(source: str, conditions: Conditions, service: str, region: str | None) -> str:
    """What a call meets: the first matching rule counts, as in the proxy."""
    for rule in rules_for(source, conditions):
        if rule["service"] in ("*", service) and rule.get("region", region) == region:
            return effect(rule)
    return "passes"


def effect(rule: dict[str, Any]) -> str:
    if rule.get("reset"):
        return "reset"
    return "hangs" if rule.get("timeout_ms") else "passes"


def test_a_lost_region_is_cut_off_on_both_sides() -> None:
    lost = Conditions().with_lost(HOME)
    for source in SOURCES:
        assert outcome(source, lost, "rds", HOME) == "reset"
    assert outcome("cac1", lost, "dynamodb", WITNESS) == "reset"
    # Unsigned calls name no region: the lost region's own control probe must fail too.
    assert outcome("cac1", lost, "", None) == "reset"
    assert outcome("caw1", lost, "dynamodb", WITNESS) == "passes"
    assert outcome("caw1", lost, "rds", RECOVERY) == "passes"


def test_a_hung_region_hangs_on_both_sides() -> None:
    hung = Conditions().with_hung(HOME)
    assert outcome("caw1", hung, "rds", HOME) == "hangs"
    assert outcome("cac1", hung, "dynamodb", WITNESS) == "hangs"
    assert outcome("caw1", hung, "rds", RECOVERY) == "passes"


def test_a_hung_control_plane_spares_the_stream_and_the_others() -> None:
    hung = Conditions().with_control_plane_hung(HOME)
    assert outcome("cac1", hung, "dynamodb", HOME) == "hangs"
    assert outcome("cac1", hung, "kinesis", HOME) == "passes"
    assert outcome("cac1", hung, "dynamodb", WITNESS) == "passes"
    assert outcome("cac1", hung, "", None) == "passes"


def test_a_cut_link_parts_the_regions_and_nobody_else() -> None:
    cut = Conditions().with_link_cut()
    assert outcome("cac1", cut, "dynamodb", RECOVERY) == "reset"
    assert outcome("caw1", cut, "dynamodb", HOME) == "reset"
    assert outcome("cac1", cut, "dynamodb", WITNESS) == "passes"
    assert outcome("use2", cut, "dynamodb", HOME) == "passes"
    states = link_states(Places(14500).links(), cut)
    assert states["log-cac1-to-caw1"] == states["fence-caw1-to-cac1"] == "cut"
    assert states["probe-use2-to-cac1"] == "open"


def test_conditions_add_up_and_heal_to_nothing() -> None:
    both = Conditions().with_link_cut().with_lost(HOME)
    assert outcome("caw1", both, "rds", HOME) == "reset"
    assert set(link_states(Places(14500).links(), Conditions()).values()) == {"open"}
    assert all(not rules_for(source, Conditions()) for source in SOURCES)


def test_no_two_things_of_a_lab_share_a_port() -> None:
    ports = list(Places(14500).all_ports().values())
    assert len(ports) == len(set(ports))
