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


def test_an_isolated_region_calls_nobody_and_its_apis_answer_others() -> None:
    isolated = Conditions().with_isolated(HOME)
    assert outcome("cac1", isolated, "dynamodb", WITNESS) == "hangs"
    assert outcome("cac1", isolated, "kinesis", HOME) == "hangs"
    assert outcome("cac1", isolated, "", None) == "hangs"
    for source in ("caw1", "use2", "operator", "edge"):
        assert outcome(source, isolated, "rds", HOME) == "passes"
    states = link_states(Places(14500).links(), isolated)
    assert {state for name, state in states.items() if "cac1" in name} == {"hang"}
    assert states["probe-use2-to-caw1"] == "open"
    assert isolated.without_isolated(HOME) == Conditions()


def test_a_denied_api_gets_no_record_into_the_stream_and_reads_it() -> None:
    denied = Conditions().with_api_denied(HOME)
    (rule,) = rules_for("cac1", denied)
    assert (rule["service"], rule["operation"]) == ("kinesis", "PutRecords")
    assert rule["error"] == {"code": "AccessDeniedException", "status": 400}
    assert rules_for("caw1", denied) == []
    assert denied.without_api_denied(HOME) == Conditions()


def test_a_region_without_a_way_out_calls_nobody_elsewhere_and_is_reached() -> None:
    gone = Conditions().with_no_way_out(HOME)
    assert outcome("cac1", gone, "dynamodb", WITNESS) == "hangs"
    assert outcome("cac1", gone, "dynamodb", RECOVERY) == "hangs"
    assert outcome("cac1", gone, "dynamodb", HOME) == "passes"
    # Its own control probe asks an endpoint of its own region.
    assert outcome("cac1", gone, "", None) == "passes"
    for source in ("caw1", "use2", "operator", "edge"):
        assert rules_for(source, gone) == []
    states = link_states(Places(14500).links(), gone)
    assert {name for name, state in states.items() if state != "open"} == {"probe-cac1-to-caw1"}
    assert gone.without_no_way_out(HOME) == Conditions()


def test_a_refused_promotion_refuses_nothing_else() -> None:
    refused = Conditions().with_promotion_refused(True)
    (rule,) = rules_for("caw1", refused)
    assert (rule["service"], rule["operation"]) == ("rds", "FailoverGlobalCluster")
    assert rule["error"]["status"] == 500
    assert rules_for("operator", refused) == []
    assert refused.with_promotion_refused(False) == Conditions()


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
