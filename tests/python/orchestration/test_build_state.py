"""What may be published and what may not: one line of a table for each case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

import duckdb
import pytest
from small_project import BUILT, SmallProject, minute, write_loads, write_scores

from orchestration.lib.build_state import (
    BuildState,
    Load,
    NodeResult,
    Score,
    latest_loads,
    read_build_state,
    reasons_not_to_publish,
)

GOOD = BuildState(
    results={
        name: NodeResult(
            "pass" if name.startswith("test.") else "success", minute(start), minute(start + 0.4)
        )
        for name, start in BUILT.items()
    },
    loads=[Load("shop", "orders", minute(0))],
    scores={"payment_anomaly": Score(minute(3), minute(3.5), ("core.fact_orders",))},
    unfinished=None,
)
FACTS, FLAGS = "model.small.fact_orders", "model.small.flags"
STAGED, LOADS = "model.small.stg_orders", "model.small.loads"


def changed(name: str, **changes: object) -> Callable[[BuildState], BuildState]:
    def change(state: BuildState) -> BuildState:
        result = replace(state.results[name], **changes)  # type: ignore[arg-type]
        return replace(state, results=dict(state.results) | {name: result})

    return change


def without(name: str) -> Callable[[BuildState], BuildState]:
    return lambda state: replace(
        state, results={key: value for key, value in state.results.items() if key != name}
    )


def rebuilt(name: str, at: float) -> Callable[[BuildState], BuildState]:
    return changed(name, started_at=minute(at), completed_at=minute(at + 0.4))


def landed(source: str, entity: str, at: float) -> Callable[[BuildState], BuildState]:
    return lambda state: replace(state, loads=[*state.loads, Load(source, entity, minute(at))])


def scored(read_at: datetime | None, written_at: datetime | None) -> Callable[..., BuildState]:
    def change(state: BuildState) -> BuildState:
        score = replace(state.scores["payment_anomaly"], read_at=read_at, written_at=written_at)
        return replace(state, scores={"payment_anomaly": score})

    return change


CASES: Mapping[str, tuple[Callable[[BuildState], BuildState], list[str]]] = {
    "all in order": (lambda state: state, []),
    "nothing built": (lambda state: BuildState({}), ["Nothing was built yet."]),
    "one never built": (without(LOADS), ["loads was never built."]),
    "one failed": (changed(FLAGS, status="error"), ["flags is in state error."]),
    "one skipped": (
        changed(FLAGS, status="skipped", started_at=None, completed_at=None),
        ["flags is in state skipped."],
    ),
    "built with --empty": (changed(FLAGS, status="partial"), ["flags is in state partial."]),
    "a private ancestor failed": (
        changed(STAGED, status="error"),
        ["stg_orders is in state error."],
    ),
    "a parent was rebuilt": (
        rebuilt(STAGED, 6),
        [
            "fact_orders is older than stg_orders, its parent.",
            "Test unique_stg_orders has not run since stg_orders was built.",
        ],
    ),
    "a parent was rebuilt while the child was built": (
        rebuilt(STAGED, 2.3),
        [
            "fact_orders is older than stg_orders, its parent.",
            "Test unique_stg_orders has not run since stg_orders was built.",
        ],
    ),
    "a leaf was rebuilt, not tested": (
        rebuilt(FLAGS, 6),
        ["Test assert_flags_and_loads has not run since flags was built."],
    ),
    "a load is newer": (
        landed("shop", "orders", 6),
        [
            "loads is older than the latest load.",
            "stg_orders is older than the latest load of shop.orders.",
            "Test source_orders_not_null has not run since the latest load of shop.orders.",
        ],
    ),
    "a load came while it was read": (
        landed("shop", "orders", 1.6),
        [
            "stg_orders is older than the latest load of shop.orders.",
            "Test source_orders_not_null has not run since the latest load of shop.orders.",
        ],
    ),
    "a load of what nobody reads still changes the books": (
        landed("shop", "events", 6),
        ["loads is older than the latest load."],
    ),
    "a test failed": (
        changed("test.small.unique_fact_orders", status="fail", message="Got 3 results"),
        ["Test unique_fact_orders is in state fail: Got 3 results."],
    ),
    "a test could not run": (
        changed("test.small.unique_fact_orders", status="error"),
        ["Test unique_fact_orders is in state error."],
    ),
    "a test was skipped": (
        changed("test.small.unique_fact_orders", status="skipped", started_at=None),
        ["Test unique_fact_orders has not run."],
    ),
    "a test never ran": (
        without("test.small.unique_fact_orders"),
        ["Test unique_fact_orders has not run."],
    ),
    "a test of a source failed": (
        changed("test.small.source_orders_not_null", status="fail"),
        ["Test source_orders_not_null is in state fail."],
    ),
    "a test warned": (changed("test.small.unique_fact_orders", status="warn"), []),
    "a hint failed": (changed("test.small.only_a_hint", status="fail"), []),
    "never scored": (
        scored(None, None),
        ["The scores of payment_anomaly were never computed."],
    ),
    "the features are newer than the scores": (
        scored(minute(2.6), minute(3.5)),
        [
            "The scores of payment_anomaly are older than core.fact_orders, which they are made "
            "from."
        ],
    ),
    "scored after what reads the scores": (
        scored(minute(6), minute(6)),
        ["flags is older than the scores of payment_anomaly."],
    ),
    "a dbt run was killed": (
        lambda state: replace(state, unfinished=minute(3.9)),
        [
            "The dbt run of 2024-05-01 12:03:54 UTC did not come to its end; nobody knows the "
            "state of 3 tables, such as fact_orders."
        ],
    ),
    "a dbt run was killed, all was built again": (
        lambda state: replace(state, unfinished=minute(0.5)),
        [],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_reasons(small: SmallProject, case: str) -> None:
    change, expected = CASES[case]
    found = reasons_not_to_publish(small.manifest, change(GOOD), small.published())
    assert found == expected


def test_an_ephemeral_model_has_no_table_and_hides_nothing(small: SmallProject) -> None:
    small.manifest["nodes"][STAGED]["config"]["materialized"] = "ephemeral"
    state = without("test.small.unique_stg_orders")(without(STAGED)(GOOD))
    del small.manifest["nodes"]["test.small.unique_stg_orders"]
    assert reasons_not_to_publish(small.manifest, state, small.published()) == []
    late = landed("shop", "orders", 2.6)(state)
    assert "fact_orders is older than the latest load of shop.orders." in reasons_not_to_publish(
        small.manifest, late, small.published()
    )


def test_reads_the_state_from_the_file_and_what_lies_beside_it(working: SmallProject) -> None:
    with duckdb.connect(str(working.home.warehouse_file)) as connection:
        state = read_build_state(working.home, connection)
        assert state.results == {
            name: replace(result, failures=0 if name.startswith("test.") else None)
            for name, result in GOOD.results.items()
        }
        assert state.loads == GOOD.loads
        assert state.unfinished is None
        score = state.scores["payment_anomaly"]
        assert (score.read_at, score.written_at) == (minute(3), minute(3.5))
        connection.execute("insert into ops.invocations values ('b', ?, null, false)", [minute(7)])
        assert read_build_state(working.home, connection).unfinished == minute(7)


def test_the_latest_result_of_a_node_counts(working: SmallProject) -> None:
    with duckdb.connect(str(working.home.warehouse_file)) as connection:
        connection.execute(
            "insert into ops.node_results select 'b', invoked_at + interval 1 hour, unique_id, "
            "resource_type, 'error', null, null, 0, null, 'no' from ops.node_results "
            f"where unique_id = '{FACTS}'"
        )
        results = read_build_state(working.home, connection).results
    assert results[FACTS].status == "error"
    assert results[STAGED].status == "success"


def test_a_file_without_bookkeeping_holds_nothing_built(small: SmallProject) -> None:
    write_loads(small.home, minute(0))
    write_scores(small.home, minute(0), minute(0))
    with duckdb.connect() as connection:
        assert read_build_state(small.home, connection).results == {}


def test_a_load_is_there_when_its_record_is_however_early_it_was_received(
    working: SmallProject,
) -> None:
    record = working.home.lake / "landing" / "loads" / "load.parquet"
    record.touch()
    (load,) = latest_loads(working.home)
    assert load.landed_at > datetime(2025, 1, 1)
