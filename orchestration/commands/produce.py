"""Replay: simulated events, sent to a Kafka topic or to the collector as if they happened."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.errors import ConfigError
from ingest.home import Home
from orchestration.console import FAILED, console, friendly_errors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest.replay import Pace, Sent

REJECTED = 2
KEY_VARIABLE = "STOREHOUSE_API_KEY"
_TOPIC = re.compile(r"kafka://([^/\s]+)/([^/\s]+)")
_COLLECTOR = re.compile(r"https?://[^/\s]+/?")


def produce(
    to: Annotated[str, typer.Option(help="kafka://HOST:PORT/TOPIC or http://HOST:PORT.")],
    rate: Annotated[
        float, typer.Option(min=0, help="Events per second; 0 is as fast as possible.")
    ] = 0,
    folder: Annotated[
        Path | None, typer.Option("--from", help="Folder of the events; extracts/shop if left out.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Send no more than so many.")] = None,
    shift_to_now: Annotated[
        bool, typer.Option("--shift-to-now", help="Move times by days: the last day is today.")
    ] = False,
    key: Annotated[
        str, typer.Option(envvar=KEY_VARIABLE, help="Key of the collector.", show_default=False)
    ] = "",
    config: Annotated[
        list[str] | None,
        typer.Option(help="A setting of librdkafka as name=value, as for consume."),
    ] = None,
) -> None:
    """Send the events of simulated extracts to Kafka or the collector, in their order.

    Each is sent until it is acknowledged. Status 1 when one was not, 2 when the collector rejected
    some by its rules.
    """
    from ingest.replay import Pace, Shift, days_to_today, event_files, events_in

    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    with friendly_errors():
        files = event_files(folder or Home.from_env().extracts / "shop")
        events: Iterable[bytes] = events_in(files, limit)
        if shift_to_now:
            days = days_to_today(events_in(files, limit), datetime.now(UTC).date())
            events = map(Shift(days), events)
        began = time.perf_counter()
        is_topic, total = _send(events, to, key, config or [], Pace(rate))
        seconds = time.perf_counter() - began
    console.print(
        f"{total.sent:,} events sent: {total.accepted:,} accepted, {total.rejected:,} "
        f"{'not acknowledged' if is_topic else 'rejected'}, {total.retries:,} tries again; "
        f"{seconds:.1f} s, {total.sent / seconds:,.0f} events/s.",
        markup=False,
    )
    for problem in total.problems:
        console.print(problem, markup=False)
    if total.rejected:
        raise typer.Exit(FAILED if is_topic else REJECTED)


def _send(
    events: Iterable[bytes], to: str, key: str, config: list[str], pace: Pace
) -> tuple[bool, Sent]:
    """Whether a topic was meant, and what became of the events."""
    from ingest.kafka import client_settings
    from ingest.kafka.settings import PRODUCER_DEFAULTS, PRODUCER_FIXED
    from ingest.replay import send_to_collector, send_to_topic

    if match := _TOPIC.fullmatch(to):
        settings = client_settings(
            match.group(1), config, os.environ, defaults=PRODUCER_DEFAULTS, fixed=PRODUCER_FIXED
        )
        return True, send_to_topic(events, match.group(2), settings, pace)
    if not _COLLECTOR.fullmatch(to):
        raise ConfigError(
            f"{to} is no place to send events to.",
            "Write --to kafka://HOST:PORT/TOPIC or --to http://HOST:PORT.",
        )
    if not key:
        raise ConfigError(
            "The collector wants a key.", f"Give it as {KEY_VARIABLE}, or with --key."
        )
    return False, send_to_collector(events, to, key, pace)
