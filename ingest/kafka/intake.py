"""Reads a topic: buffers by partition, writes segments, and only then commits their offsets."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from ingest.errors import DeliveryError
from ingest.home import Home
from ingest.kafka.bounded import BoundedCall
from ingest.kafka.earlier import holds, segments_behind
from ingest.kafka.failures import BrokerWatch, log_level, refusal
from ingest.kafka.messages import MessageReader
from ingest.kafka.segments import Batch, Segment, SegmentFolder
from ingest.kafka.settings import new_client

log = logging.getLogger("storehouse.kafka")
# The library logs every attempt to connect; what matters of it comes as errors, see BrokerWatch.
_library_log = logging.getLogger("storehouse.kafka.librdkafka")

_MESSAGES_AT_ONCE = 2_000
_LONGEST_WAIT = 0.25  # seconds until a signal is seen
_ANSWER_SECONDS = 10.0
_COMMIT_ATTEMPTS = 3
_FINISH_SECONDS = 5.0
_EXPELLED = (KafkaError.UNKNOWN_MEMBER_ID, KafkaError.FENCED_INSTANCE_ID)


@dataclass(frozen=True)
class Limits:
    """When what is buffered becomes segments: after seconds, records or bytes of all partitions."""

    seconds: float = 5.0
    records: int = 200_000
    bytes: int = 64 * 1024 * 1024


@dataclass
class Totals:
    """What was written: lines by kind, messages without a value, segments."""

    objects: int = 0
    others: int = 0
    empty: int = 0
    segments: int = 0


class Intake:
    """Reads one topic of a group into the segments of one source and entity."""

    def __init__(
        self,
        home: Home,
        folder: SegmentFolder,
        reader: MessageReader,
        *,
        source: str,
        topic: str,
        settings: dict[str, str],
        limits: Limits,
    ) -> None:
        """Raises ConfigError for settings that the client does not take."""
        self.totals = Totals()
        self._home = home
        self._folder = folder
        self._reader = reader
        self._source = source
        self._topic = topic
        self._brokers = settings["bootstrap.servers"]
        self._settings = settings
        self._limits = limits
        self._watch = BrokerWatch(self._brokers)
        self._commits = BoundedCall()
        self._batches: dict[int, Batch] = {}
        self._buffered = [0, 0]  # records, bytes
        self._next: dict[int, int | None] = {}  # of each partition that is ours: where it stands
        self._uncommitted: dict[int, int] = {}  # partition -> offset to commit
        self._due = time.monotonic() + limits.seconds
        if "debug" not in settings:
            _library_log.setLevel(logging.CRITICAL)
        self._client = new_client(self._new_consumer, settings)

    def run(self, is_stopped: Callable[[], bool]) -> None:
        """Reads until `is_stopped`, then writes and commits what is buffered.

        Waits for brokers that are away. Raises DeliveryError for a refused user and for a topic
        that does not exist, OSError when a segment cannot be written; nothing is committed then.
        """
        try:
            if removed := self._folder.clear_dead():
                log.info("Removed %d unfinished files of consumers that were killed.", removed)
            if not self._await_topic(is_stopped):
                return
            log.info("Reading %s from %s.", self._topic, self._brokers)
            self._client.subscribe(
                [self._topic],
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_lost,
            )
            while not is_stopped():
                self._take_all(self._client.consume(_MESSAGES_AT_ONCE, self._patience()))
                if self._is_due():
                    self._seal(list(self._next))
                    self._due = time.monotonic() + self._limits.seconds
            self._finish()
        except BaseException:
            self._forget(list(self._next))  # so that closing writes and commits nothing more
            raise
        finally:
            if self.is_stuck:
                log.warning("Left without a farewell: a commit was not answered.")
            else:
                self._client.close()

    @property
    def is_stuck(self) -> bool:
        """Whether a commit never returned: the process must then end without closing the client."""
        return self._commits.is_stuck

    def _finish(self) -> None:
        """Writes and commits what is buffered, once a rebalance that goes on lets it commit."""
        self._seal(list(self._next))
        give_up = time.monotonic() + _FINISH_SECONDS
        while self._uncommitted and time.monotonic() < give_up:
            self._client.pause(self._client.assignment())
            self._client.consume(_MESSAGES_AT_ONCE, _LONGEST_WAIT)  # left to who reads next
            self._commit(list(self._uncommitted))

    def _new_consumer(self, *, is_probe: bool = False) -> Consumer:
        own: dict[str, object] = dict(self._settings)
        if not is_probe:
            own["error_cb"] = self._watch.heard
        return Consumer(own, logger=_library_log)

    def _await_topic(self, is_stopped: Callable[[], bool]) -> bool:
        """Waits until the brokers tell of the topic; False when stopped before."""
        while not is_stopped():
            self._client.poll(0)  # hears of refusals
            if denied := self._watch.denied:
                raise self._refusal(denied)
            try:
                found = self._client.list_topics(self._topic, timeout=1.0).topics[self._topic]
            except KafkaException as error:
                self._raise_refusal(error.args[0])
                self._watch.is_away()
                continue
            if found.error is None:
                self._watch.is_back()
                return True
            self._raise_refusal(found.error)
            time.sleep(_LONGEST_WAIT)  # its leader is being elected
        return False

    def _patience(self) -> float:
        return min(_LONGEST_WAIT, max(0.0, self._due - time.monotonic()))

    def _is_due(self) -> bool:
        records, size = self._buffered
        return (
            time.monotonic() >= self._due
            or records >= self._limits.records
            or size >= self._limits.bytes
        )

    def _take_all(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if (error := message.error()) is not None:
                self._take_error(error)
            else:
                self._take(message)

    def _take_error(self, error: KafkaError) -> None:
        if error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
            log.warning("The brokers do not know the topic %s at the moment.", self._topic)
            return
        self._raise_refusal(error)
        self._watch.heard(error)

    def _take(self, message: Message) -> None:
        partition, offset = message.partition(), message.offset()
        if partition is None or offset is None or partition not in self._next:
            return  # of a partition that was taken from us a moment ago: its new owner reads it
        expected = self._next[partition]
        if expected is not None and offset < expected:
            log.warning(
                "Partition %d begins anew at offset %d, before %d.", partition, offset, expected
            )
            self._seal([partition])
            expected = None
        batch = self._batches.get(partition)
        if batch is None:
            # From where the last one ended, so that no gap of a compacted topic seems unread.
            batch = Batch(first=offset if expected is None else expected, last=offset)
            self._batches[partition] = batch
        batch.last = offset
        self._next[partition] = offset + 1
        value = message.value()
        if not isinstance(value, bytes) or not value.strip():
            self.totals.empty += 1
            return
        objects, others = self._reader.read(value, f"{self._topic}-{partition}-{offset}")
        batch.objects += objects
        batch.others += others
        batch.size += len(value)
        self._buffered[0] += len(objects) + len(others)
        self._buffered[1] += len(value)

    def _seal(self, partitions: Sequence[int]) -> None:
        """Writes what is buffered of these partitions, then commits it.

        Before that it commits where the buffers begin, which changes nothing and tells a consumer
        that was suspended whether the group has gone on without it: then nothing is written.
        """
        batches = {p: self._batches[p] for p in partitions if p in self._batches}
        if batches:
            failure = self._send({p: batch.first for p, batch in batches.items()})
            if failure is not None and failure.code() in _EXPELLED:
                return  # what is buffered is dropped when the client tells that it was lost
            self._write(batches)
            if failure is not None:
                return  # the next time will do
        self._commit(partitions)

    def _write(self, batches: Mapping[int, Batch]) -> None:
        segments = len(self._folder.write(batches, datetime.now(UTC)))
        objects = sum(len(batch.objects) for batch in batches.values())
        others = sum(len(batch.others) for batch in batches.values())
        for partition, batch in batches.items():
            self._uncommitted[partition] = batch.last + 1
            self._drop(partition)
        self.totals.segments += segments
        self.totals.objects += objects
        self.totals.others += others
        log.info(
            "%d records in %d segments, %d of them not JSON objects; %d messages without a "
            "value so far.",
            objects + others,
            segments,
            others,
            self.totals.empty,
        )

    def _commit(self, partitions: Iterable[int]) -> bool:
        """Commits what was written of these partitions; False if it must be tried again."""
        offsets = {p: self._uncommitted[p] for p in partitions if p in self._uncommitted}
        if not offsets:
            return True
        if self._send(offsets) is not None:
            return False
        for partition in offsets:
            del self._uncommitted[partition]
        return True

    def _send(self, offsets: Mapping[int, int]) -> KafkaError | None:
        """Commits the offset of each partition; returns the failure, of any of them, if one."""
        places = [TopicPartition(self._topic, p, offset) for p, offset in offsets.items()]
        failures: list[KafkaError] = []

        def commit() -> None:
            try:
                answers = self._client.commit(offsets=places, asynchronous=False) or []
                failures.extend(place.error for place in answers if place.error is not None)
            except KafkaException as error:
                failures.append(error.args[0])

        if not self._commits.make(commit, _ANSWER_SECONDS):
            self._watch.is_away()
            return KafkaError(KafkaError._TIMED_OUT)
        if not failures:
            self._watch.is_back()
            return None
        self._raise_refusal(failures[0])
        log.log(log_level(failures[0]), "Offsets are not committed yet: %s.", failures[0].str())
        return failures[0]

    def _on_assign(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        positions, unread = self._positions(partitions)
        behind = segments_behind(self._home, self._folder, self._source, unread)
        for place in partitions:
            number = place.partition
            position = positions.get(number)
            after = self._after(number, position, behind.get(number, []))
            if after != position and after is not None:
                log.info("Partition %d goes on at %d, behind its segments.", number, after)
                self._uncommitted[number] = place.offset = after
            self._next[number] = after
        client.incremental_assign(partitions)
        log.info("Partitions taken: %s.", _listed(partitions))

    def _positions(self, partitions: list[TopicPartition]) -> tuple[dict[int, int], dict[int, int]]:
        """Where each partition stands, as far as it is known; and of those with unread messages.

        A partition stands at its committed offset, without one at its first.
        """
        positions: dict[int, int] = {}
        unread: dict[int, int] = {}
        try:
            for place in self._client.committed(partitions, timeout=_ANSWER_SECONDS):
                bounds = self._client.get_watermark_offsets(place, timeout=_ANSWER_SECONDS)
                if place.error is not None or bounds is None:
                    continue
                position = self._position(place.partition, place.offset, *bounds)
                if position is not None:
                    positions[place.partition] = position
                    if position < bounds[1]:
                        unread[place.partition] = position
        except KafkaException as error:
            self._raise_refusal(error.args[0])
            log.warning(
                "Offsets cannot be read (%s): messages may be read twice.", error.args[0].str()
            )
        return positions, unread

    def _position(self, partition: int, committed: int, low: int, high: int) -> int | None:
        """The committed offset if the partition has it, the first if none was; tells of a gap."""
        if committed < 0:
            return low if self._settings.get("auto.offset.reset") == "earliest" else None
        if committed < low:
            log.warning(
                "Partition %d: offsets %d to %d were removed by the brokers before they were read.",
                partition,
                committed,
                low - 1,
            )
            return None
        if committed > high:
            log.warning("Partition %d was made anew: it ends at %d.", partition, high)
            return None
        return committed

    def _after(self, partition: int, position: int | None, behind: list[Segment]) -> int | None:
        """Where to go on from `position`, behind the segments that hold what comes there."""
        while position is not None:
            at = position
            covering = [s for s in behind if s.first <= at <= s.last]
            found = next((s for s in covering if self._is_of_topic(partition, s)), None)
            if found is None:
                break
            position = found.last + 1
        return position

    def _is_of_topic(self, partition: int, segment: Segment) -> bool:
        """Whether the segment's last message is the one the broker has at that offset.

        Offsets begin anew when a topic is made anew, and two clusters may have topics of one name.
        """
        probe = self._new_consumer(is_probe=True)
        try:
            probe.assign([TopicPartition(self._topic, partition, segment.last)])
            message = probe.poll(_ANSWER_SECONDS)
        finally:
            probe.close()
        if message is None or message.error() or message.offset() != segment.last:
            return False
        value = message.value()
        identity = f"{self._topic}-{partition}-{segment.last}"
        objects, others = self._reader.read(value, identity) if value else ([], [])
        return holds(self._home, segment, [*objects, *others])

    def _on_revoke(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = [place.partition for place in partitions]
        self._seal(numbers)
        for _ in range(_COMMIT_ATTEMPTS - 1):
            if self._commit(numbers):
                break
        self._forget(numbers)
        client.incremental_unassign(partitions)
        log.info("Partitions given back: %s.", _listed(partitions))

    def _on_lost(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        self._forget([place.partition for place in partitions])
        client.incremental_unassign(partitions)
        log.warning(
            "Partitions lost: %s. What was not written of them is read again.", _listed(partitions)
        )

    def _forget(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            self._drop(partition)
            self._next.pop(partition, None)
            self._uncommitted.pop(partition, None)

    def _drop(self, partition: int) -> None:
        batch = self._batches.pop(partition, None)
        if batch is not None:
            self._buffered[0] -= len(batch.objects) + len(batch.others)
            self._buffered[1] -= batch.size

    def _refusal(self, error: KafkaError) -> DeliveryError:
        found = refusal(error, self._brokers, self._topic)
        return found or DeliveryError(f"The Kafka client reports: {error.str()}.")

    def _raise_refusal(self, error: KafkaError) -> None:
        if (found := refusal(error, self._brokers, self._topic)) is not None:
            raise found


def _listed(partitions: Iterable[TopicPartition]) -> str:
    return ", ".join(str(place.partition) for place in partitions) or "none"
