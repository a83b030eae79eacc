"""Kafka: a topic into segment files, for `storehouse land` and `storehouse stream` to take."""

from __future__ import annotations

import logging
import os
import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from ingest.contracts import Contract, SourceContract, load_contracts
from ingest.errors import ConfigError
from ingest.home import Home
from orchestration.console import friendly_errors


def consume(
    brokers: Annotated[str, typer.Option(help="HOST:PORT of a broker, or several with commas.")],
    topic: Annotated[str, typer.Option(help="The topic to read.")],
    source: Annotated[str, typer.Option(help="The source its records belong to.")] = "shop",
    entity: Annotated[str, typer.Option(help="The entity its records belong to.")] = "events",
    group: Annotated[
        str, typer.Option(help="The group whose offsets are kept; its consumers share the topic.")
    ] = "storehouse",
    config: Annotated[
        list[str] | None,
        typer.Option(help="A setting of librdkafka as name=value; as often as needed."),
    ] = None,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds until segments are sealed.")] = 5,
    records: Annotated[int, typer.Option(min=1, help="Records after which they are.")] = 200_000,
    megabytes: Annotated[int, typer.Option(min=1, help="Megabytes after which they are.")] = 64,
) -> None:
    """Read a Kafka topic into segment files until it is stopped; SIGTERM ends it cleanly.

    Offsets are committed after their segment is on the disk: nothing is lost, whatever is killed.
    Secrets go into variables, such as STOREHOUSE_KAFKA_SASL_PASSWORD for sasl.password.

    Azure Event Hubs: security.protocol=SASL_SSL sasl.mechanisms=PLAIN
    'sasl.username=$ConnectionString', the connection string as password.

    Amazon MSK: security.protocol=SASL_SSL sasl.mechanisms=SCRAM-SHA-512 and a SCRAM user; IAM
    tokens are not supported.

    TLS alone: security.protocol=SSL, and ssl.ca.location for an authority of your own.
    """
    from ingest.kafka import Intake, Limits, MessageReader, SegmentFolder, client_settings
    from ingest.kafka.settings import CONSUMER_DEFAULTS, CONSUMER_FIXED

    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    stopped: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        stopped.append(number)

    with friendly_errors():
        home = Home.from_env()
        declared, contract = _contract(source, entity)
        settings = client_settings(
            brokers, config or (), os.environ, defaults=CONSUMER_DEFAULTS, fixed=CONSUMER_FIXED
        )
        intake = Intake(
            home,
            SegmentFolder(home.segments / source, declared, entity, topic),
            MessageReader(contract),
            source=source,
            topic=topic,
            settings=settings | {"group.id": group},
            limits=Limits(every, records, megabytes * 1024 * 1024),
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        intake.run(lambda: bool(stopped))
    totals = intake.totals
    logging.getLogger("storehouse.kafka").info(
        "Stopped: %d records in %d segments, %d of them not JSON objects, %d messages without a "
        "value.",
        totals.objects + totals.others,
        totals.segments,
        totals.others,
        totals.empty,
    )
    if intake.is_stuck:
        logging.shutdown()
        os._exit(0)  # the library would wait for the brokers when the interpreter frees it


def _contract(source: str, entity: str) -> tuple[SourceContract, Contract]:
    contracts = load_contracts()
    if source not in contracts:
        raise ConfigError(
            f"There is no source {source!r}.", f"The sources are: {', '.join(contracts)}."
        )
    declared = contracts[source]
    fitting = [name for name, c in declared.entities.items() if c.load_kind != "full"]
    if entity not in fitting:
        raise ConfigError(
            f"The source {source} has no entity {entity!r} that can arrive record by record.",
            f"Give --entity, one of: {', '.join(fitting)}.",
        )
    return declared, declared.entities[entity]
