"""Settings of the Kafka client: from the command line and, so that secrets stay off it, the env."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from confluent_kafka import KafkaException

from ingest.errors import ConfigError

VARIABLE_PREFIX = "STOREHOUSE_KAFKA_"
CONSUMER_DEFAULTS: Mapping[str, str] = {
    "auto.offset.reset": "earliest",  # a group without offsets reads what there is
    "session.timeout.ms": "10000",  # how long the partitions of a killed consumer wait
    "fetch.queue.backoff.ms": "50",  # a full queue is refilled soon, not after a second
}
CONSUMER_FIXED: Mapping[str, str] = {
    "enable.auto.commit": "false",  # offsets follow the segments, never go before them
    "enable.auto.offset.store": "false",
    "partition.assignment.strategy": "cooperative-sticky",
}
PRODUCER_DEFAULTS: Mapping[str, str] = {"linger.ms": "20"}
PRODUCER_FIXED: Mapping[str, str] = {"acks": "all", "enable.idempotence": "true"}
_OF_OPTIONS = {"bootstrap.servers": "--brokers", "group.id": "--group"}
_NAME = re.compile(r"[a-z][a-z0-9.]*")
_Client = TypeVar("_Client")


def client_settings(
    brokers: str,
    given: Sequence[str],
    environment: Mapping[str, str],
    *,
    defaults: Mapping[str, str],
    fixed: Mapping[str, str],
) -> dict[str, str]:
    """The settings of a client: `defaults`, then the environment, then `given` (name=value).

    Raises ConfigError for what is no setting, and for one that `fixed` or an option decides.
    """
    own = {
        variable.removeprefix(VARIABLE_PREFIX).lower().replace("_", "."): value
        for variable, value in environment.items()
        if variable.startswith(VARIABLE_PREFIX)
    }
    for text in given:
        name, is_setting, value = text.partition("=")
        if not is_setting or not _NAME.fullmatch(name):
            raise ConfigError(
                f"The setting {name!r} is not written as name=value.",
                "Write --config security.protocol=SASL_SSL, one --config for each setting.",
            )
        own[name] = value
    for name in own:
        if option := _OF_OPTIONS.get(name):
            raise ConfigError(f"The setting {name} has an option of its own.", f"Give {option}.")
        if name in fixed:
            raise ConfigError(
                f"The setting {name} is always {fixed[name]}, or messages could be lost.",
                "Leave it out.",
            )
    return {"client.id": "storehouse", **defaults, **own, **fixed, "bootstrap.servers": brokers}


def new_client(make: Callable[[], _Client], settings: Mapping[str, object]) -> _Client:
    """The client that `make` makes; raises ConfigError, without any secret, if it refuses."""
    try:
        return make()
    except (KafkaException, TypeError, ValueError) as error:
        told = error.args[0].str() if isinstance(error, KafkaException) else str(error)
        said = without_secrets(told.rstrip("."), settings)
        raise ConfigError(
            f"The Kafka client does not take its settings: {said}.",
            f"Correct --config or the variable {VARIABLE_PREFIX}... of that setting.",
        ) from None


def without_secrets(text: str, settings: Mapping[str, object]) -> str:
    """The text with the values of settings that may be secret left out."""
    for secret in _secrets(settings):
        text = text.replace(secret, "***")
    return text


def _secrets(settings: Mapping[str, object]) -> Iterable[str]:
    telling = ("password", "secret", "sasl", "pem", "token", "key")
    return [
        value
        for name, value in settings.items()
        if isinstance(value, str)
        and len(value) >= 4
        and any(word in name for word in telling)
        and name not in ("sasl.mechanisms", "sasl.mechanism")
    ]
