"""Landing: one asset for each entity of each source, landed together."""

from collections.abc import Iterator

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    Backoff,
    MaterializeResult,
    MetadataValue,
    RetryPolicy,
    multi_asset,
)

from ingest.contracts import load_contracts
from ingest.landing import land_paths
from ingest.landing.compact import compact
from orchestration.defs.failures import as_failures
from orchestration.lib.alerts import alert
from orchestration.lib.lock import warehouse_lock
from orchestration.lib.progress import reporter
from orchestration.lib.project import use_home

RETRY = RetryPolicy(max_retries=2, delay=2, backoff=Backoff.EXPONENTIAL)
BOOKS = (AssetKey(["landing", "loads"]), AssetKey(["landing", "rejects"]))


def landing_assets() -> AssetsDefinition:
    """The asset that lands everything in extracts/, with an output for each entity."""
    contracts = load_contracts()
    entities = {
        AssetKey([source.name, contract.entity]): contract
        for source in contracts.values()
        for contract in source.entities.values()
    }
    specs = [
        AssetSpec(key, group_name="lake", description=contract.description, kinds={"parquet"})
        for key, contract in entities.items()
    ]
    specs += [AssetSpec(key, group_name="lake", kinds={"parquet"}) for key in BOOKS]

    @multi_asset(specs=specs, name="land", pool="warehouse", retry_policy=RETRY)
    def land(context: AssetExecutionContext) -> Iterator[MaterializeResult[None]]:
        """Lands what is new in extracts/; a refused file is reported and stops nothing."""
        home = use_home()
        reporter().stage("land")
        with as_failures(), warehouse_lock(home, "landing", on_wait=context.log.info):
            outcomes = land_paths(
                home, contracts, None, None, report=lambda done: reporter().step(done.path.name)
            )
            for done in compact(home, contracts):
                context.log.info(f"Compacted {done}.")
        refused = [outcome for outcome in outcomes if outcome.status == "refused"]
        told = [f"{outcome.path}: {outcome.message} {outcome.remedy}" for outcome in refused]
        for line in told:
            context.log.error(line)
        if told:
            alert(f"storehouse refused files in {home.root}", "\n".join(told))
        for key in entities:
            source, entity = key.path
            landed = [
                outcome
                for outcome in outcomes
                if (outcome.source, outcome.entity) == (source, entity)
                and outcome.status == "landed"
            ]
            yield MaterializeResult(
                asset_key=key,
                metadata={
                    "new_loads": len(landed),
                    "dagster/row_count": sum(outcome.rows for outcome in landed),
                    "rejected_rows": sum(outcome.rejected for outcome in landed),
                },
            )
        refusals = [
            {"file": str(outcome.path), "message": outcome.message, "remedy": outcome.remedy}
            for outcome in refused
        ]
        for key in BOOKS:
            yield MaterializeResult(
                asset_key=key,
                metadata={
                    "new_loads": sum(outcome.status == "landed" for outcome in outcomes),
                    "refused_files": len(refused),
                    "refusals": MetadataValue.json(refusals),
                },
            )

    return land
