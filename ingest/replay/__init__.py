"""Sends the events that the simulator wrote to a Kafka topic or to the HTTP collector."""

from ingest.replay.events import event_files, events_in
from ingest.replay.pace import Pace
from ingest.replay.sent import Sent
from ingest.replay.shift import Shift, days_to_today
from ingest.replay.to_http import send_to_collector
from ingest.replay.to_kafka import send_to_topic

__all__ = [
    "Pace",
    "Sent",
    "Shift",
    "days_to_today",
    "event_files",
    "events_in",
    "send_to_collector",
    "send_to_topic",
]
