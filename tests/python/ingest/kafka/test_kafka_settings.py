"""Settings of the client: where they come from, what is refused, and that secrets stay secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from confluent_kafka import Consumer, KafkaError

from ingest.errors import ConfigError
from ingest.kafka.failures import BrokerWatch, refusal
from ingest.kafka.settings import (
    CONSUMER_DEFAULTS,
    CONSUMER_FIXED,
    client_settings,
    new_client,
    without_secrets,
)


def settings(given: Sequence[str] = (), environment: Mapping[str, str] = {}) -> dict[str, str]:
    return client_settings(
        "b:1", given, environment, defaults=CONSUMER_DEFAULTS, fixed=CONSUMER_FIXED
    )


def test_the_command_line_goes_before_the_environment_and_both_before_defaults() -> None:
    environment = {
        "STOREHOUSE_KAFKA_SASL_PASSWORD": "Endpoint=sb://x/;Key=a=b",
        "STOREHOUSE_KAFKA_SESSION_TIMEOUT_MS": "7000",
        "STOREHOUSE_KAFKA_CLIENT_ID": "env",
        "STOREHOUSE_HOME": "elsewhere",
    }
    found = settings(["client.id=given", "sasl.username=$ConnectionString"], environment)
    assert found["client.id"] == "given"
    assert found["session.timeout.ms"] == "7000"
    assert found["sasl.password"] == "Endpoint=sb://x/;Key=a=b"
    assert found["sasl.username"] == "$ConnectionString"
    assert found["auto.offset.reset"] == "earliest"
    assert found["bootstrap.servers"] == "b:1"
    assert not any("home" in name for name in found)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("enable.auto.commit=true", "always false"),
        ("partition.assignment.strategy=range", "always cooperative-sticky"),
        ("bootstrap.servers=x", "option of its own"),
        ("group.id=x", "option of its own"),
        ("sasl.password", "not written as name=value"),
        ("=x", "not written as name=value"),
    ],
)
def test_what_cannot_be_set_is_told(given: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        settings([given])


def test_an_unknown_setting_is_told_without_secrets() -> None:
    given = settings(["no.such.thing=1", "sasl.password=hush-hush"])
    with pytest.raises(ConfigError, match=r"No such configuration property") as error:
        new_client(lambda: Consumer({**given, "group.id": "g"}), given)
    assert "hush" not in str(error.value)
    assert without_secrets("told hush-hush of PLAIN", given) == "told *** of PLAIN"


def test_only_what_a_person_must_mend_is_refused() -> None:
    for code in (KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError.UNKNOWN_TOPIC_OR_PART):
        assert refusal(KafkaError(code), "b:1", "t") is not None
    for code in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT):
        assert refusal(KafkaError(code), "b:1", "t") is None


def test_an_outage_is_told_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    now = [0.0]
    watch = BrokerWatch("b:1", lambda: now[0])
    for second in range(45):
        now[0] = second
        watch.heard(KafkaError(KafkaError._TRANSPORT))
    watch.is_back()
    watch.is_back()
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "INFO"]
