"""Kafka: reads a topic into segment files that landing takes, and loses no message on the way.

A segment is written, flushed and renamed before its offsets are committed, so a message is read
again rather than lost whatever dies when; what was read twice has one event_id and counts once.

Every setting of librdkafka can be given, as `--config name=value` or, for secrets, as an
environment variable: STOREHOUSE_KAFKA_ and the name in capitals with underscores for dots.

- Azure Event Hubs (NAMESPACE.servicebus.windows.net:9093): security.protocol=SASL_SSL,
  sasl.mechanisms=PLAIN, sasl.username=$ConnectionString (in single quotes, or the shell replaces
  it) and STOREHOUSE_KAFKA_SASL_PASSWORD with the connection string.
- Amazon MSK with SCRAM (port 9096): security.protocol=SASL_SSL, sasl.mechanisms=SCRAM-SHA-512,
  sasl.username and STOREHOUSE_KAFKA_SASL_PASSWORD. IAM (port 9098) needs tokens signed by a
  library of AWS, which is no part of this project: give the consumer a SCRAM user or a client
  certificate instead.
- TLS: security.protocol=SSL and, where the broker's certificate is not of a public authority,
  ssl.ca.location; with a client certificate ssl.certificate.location, ssl.key.location and
  STOREHOUSE_KAFKA_SSL_KEY_PASSWORD.
"""

from ingest.kafka.intake import Intake, Limits, Totals
from ingest.kafka.messages import MessageReader
from ingest.kafka.segments import SegmentFolder
from ingest.kafka.settings import client_settings

__all__ = ["Intake", "Limits", "MessageReader", "SegmentFolder", "Totals", "client_settings"]
