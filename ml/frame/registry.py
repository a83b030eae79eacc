"""Versions of models in MLflow: runs, the registry, and the alias of the one that serves.

Artefacts lie in `<models>/<model>/<version>/`. With a tracking server of one's own
(`MLFLOW_TRACKING_URI`) they are sent there as well, and fetched from there where they are missing.
The store keeps a digest of them: files that are not those of the version are never read.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ml.errors import ModelError

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read while mlflow is imported

from mlflow import MlflowClient
from mlflow.entities import LifecycleStage
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

CHAMPION = "champion"
URI_VARIABLE = "MLFLOW_TRACKING_URI"
_PREFIX = "storehouse."
_FILES, _COMPLETE = "files", "complete"


@dataclass(frozen=True)
class Version:
    """A registered version: metrics on its own slice, and tags such as as_of, data and code."""

    model: str
    number: int
    created_at: datetime
    is_champion: bool
    metrics: Mapping[str, float]
    tags: Mapping[str, str]

    @property
    def is_complete(self) -> bool:
        """Whether its training came to its end: the files are there, who serves was decided."""
        return _COMPLETE in self.tags


class Registry:
    """The models under one folder, and the MLflow store that knows them.

    All of it raises ModelError where the store cannot be read or written.
    """

    def __init__(self, models: Path) -> None:
        """Opens or makes the store: sqlite in `models`, unless MLFLOW_TRACKING_URI names one."""
        self.models = models
        models.mkdir(parents=True, exist_ok=True)
        local = f"sqlite:///{models / 'mlflow.db'}"
        self._uri = os.environ.get(URI_VARIABLE) or local
        self._is_local = self._uri == local
        with _plain("opened"), _quiet():
            self._client = MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)

    def register(
        self,
        model: str,
        artefacts: Path,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> int:
        """Moves the folder `artefacts` into the store as a new version and returns its number.

        It is complete once `mark_complete` says so.
        """
        tags = {**tags, _FILES: files_digest(artefacts)}
        with _plain("written"), _quiet():
            run_id = self._client.create_run(self._experiment(model), run_name=model).info.run_id
            for name, value in params.items():
                self._client.log_param(run_id, name, value)
            for name, value in metrics.items():
                self._client.log_metric(run_id, name, value)
            if not self._is_local:
                self._client.log_artifacts(run_id, str(artefacts), "model")
            self._client.set_terminated(run_id)
            version = self._client.create_model_version(
                model,
                source=f"runs:/{run_id}/model",
                run_id=run_id,
                tags={f"{_PREFIX}{name}": value for name, value in tags.items()},
            )
        number = int(version.version)
        self._move(artefacts, self.folder(model, number))
        return number

    def mark_complete(self, model: str, number: int) -> None:
        """Notes that the training of a version came to its end."""
        with _plain("written"), _quiet():
            self._client.set_model_version_tag(model, str(number), f"{_PREFIX}{_COMPLETE}", "yes")

    def folder(self, model: str, number: int) -> Path:
        """Where the artefacts of a version lie."""
        return self.models / model / str(number)

    def artefacts(self, model: str, number: int) -> Path:
        """The folder that holds the files of a version as they were registered.

        Raises ModelError when they are gone or were changed.
        """
        with _plain("read"), _quiet():
            version = self._client.get_model_version(model, str(number))
        digest = version.tags.get(f"{_PREFIX}{_FILES}")
        folder = self.folder(model, number)
        for there in (folder, *folder.parent.glob(f"{number}.before-*")):
            if there.is_dir() and files_digest(there) == digest:
                return there
        if not self._is_local:
            with TemporaryDirectory(prefix=".fetching-", dir=self.models) as scratch:
                with _plain("read"), _quiet():
                    name = self._client.download_artifacts(str(version.run_id), "model", scratch)
                fetched = Path(name)
                if files_digest(fetched) == digest:
                    self._move(fetched, folder)
                    return folder
        state = "were changed or are not all there" if folder.exists() else "are gone"
        raise ModelError(
            f"The files of {model} v{number} in {folder} {state}.",
            f"Bring them back, or `storehouse models train {model}`.",
        )

    def versions(self, model: str) -> list[Version]:
        """All versions of a model, oldest first."""
        with _plain("read"), _quiet():
            try:
                champion = self._champion_number(model)
                found = self._client.search_model_versions(f"name = '{model}'")
                result = [self._version(entry, champion) for entry in found]
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return []
                raise
        return sorted(result, key=lambda version: version.number)

    def version(self, model: str, number: int) -> Version:
        """One version; raises ModelError when there is none of that number."""
        with _plain("read"), _quiet():
            try:
                entry = self._client.get_model_version(model, str(number))
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    raise _no_version(model, number) from error
                raise
            return self._version(entry, self._champion_number(model))

    def champion(self, model: str) -> int | None:
        """The number of the version that serves; None while the baseline does."""
        with _plain("read"), _quiet():
            return self._champion_number(model)

    def promote(self, model: str, number: int) -> None:
        """Lets a version serve; raises ModelError when there is no such version."""
        if number not in {version.number for version in self.versions(model)}:
            raise _no_version(model, number)
        with _plain("written"), _quiet():
            served = self._served(model)
            if served[-1:] != [number]:  # else a rollback would bring back what serves
                served.append(number)
            # First: a crash between the two must not make a rollback skip a version.
            self._client.set_registered_model_tag(model, f"{_PREFIX}served", json.dumps(served))
            self._client.set_registered_model_alias(model, CHAMPION, str(number))

    def rollback(self, model: str) -> int | None:
        """Lets the version serve that did before; None when that was the baseline.

        Raises ModelError when the baseline serves already.
        """
        served = self._served(model)
        if not served:
            raise ModelError(
                f"Of {model} no version serves: the baseline does.", "There is nothing to undo."
            )
        before = served[:-1]
        with _plain("written"), _quiet():
            if before:
                self._client.set_registered_model_alias(model, CHAMPION, str(before[-1]))
            else:
                self._client.delete_registered_model_alias(model, CHAMPION)
            self._client.set_registered_model_tag(model, f"{_PREFIX}served", json.dumps(before))
        return before[-1] if before else None

    def _served(self, model: str) -> list[int]:
        """The versions that were promoted and not rolled back, in order."""
        with _plain("read"), _quiet():
            try:
                tags = self._client.get_registered_model(model).tags
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return []
                raise
        served: list[int] = json.loads(tags.get(f"{_PREFIX}served", "[]"))
        return served

    def _champion_number(self, model: str) -> int | None:
        try:
            return int(self._client.get_model_version_by_alias(model, CHAMPION).version)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise

    def _move(self, artefacts: Path, folder: Path) -> None:
        """Puts files in the place of a version; what is there, of another store, moves aside."""
        if folder.exists():
            aside = folder.with_name(f"{folder.name}.before-{files_digest(folder)[:12]}")
            if aside.exists():  # the same files
                shutil.rmtree(folder)
            else:
                folder.rename(aside)
        folder.parent.mkdir(parents=True, exist_ok=True)
        artefacts.rename(folder)

    def _experiment(self, model: str) -> str:
        """The experiment of a model, which is made as the model is where they are not there."""
        try:
            self._client.create_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        name = f"storehouse/{model}"
        found = self._client.get_experiment_by_name(name)
        if found is None:  # a server knows where it keeps files; a database would take the folder
            is_server = self._uri.startswith(("http:", "https:", "databricks"))
            location = None if is_server else str(self.models / model / "runs")
            return str(self._client.create_experiment(name, location))
        if found.lifecycle_stage == LifecycleStage.DELETED:
            self._client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def _version(self, entry: Any, champion: int | None) -> Version:
        metrics = self._client.get_run(entry.run_id).data.metrics
        number = int(entry.version)
        return Version(
            model=entry.name,
            number=number,
            created_at=datetime.fromtimestamp(entry.creation_timestamp / 1000, UTC).replace(
                tzinfo=None
            ),
            is_champion=number == champion,
            metrics=metrics,
            tags={
                name.removeprefix(_PREFIX): value
                for name, value in entry.tags.items()
                if name.startswith(_PREFIX)
            },
        )


def files_digest(folder: Path) -> str:
    """Of the names and the content of all files in a folder, SHA-256 in hex digits.

    But for hidden ones, which programs to look at folders leave behind.
    """
    found = hashlib.sha256()
    files = (path for path in folder.rglob("*") if path.is_file() and path.name[0] != ".")
    for file in sorted(files):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        found.update(f"{file.relative_to(folder).as_posix()} {content}\n".encode())
    return found.hexdigest()


def _no_version(model: str, number: int) -> ModelError:
    return ModelError(
        f"There is no {model} v{number}.", "`storehouse models list` shows what there is."
    )


@contextmanager
def _plain(done: str) -> Iterator[None]:
    """Turns an error of MLflow, or of its database, into one that says what to do."""
    try:
        yield
    except SQLAlchemyError as error:
        raise ModelError(
            f"The MLflow store could not be {done}: {str(error).splitlines()[0]}",
            "If its file is damaged, bring it back from a backup, or move it away: models are "
            "trained anew, and files of earlier versions stay.",
        ) from error
    except MlflowException as error:
        raise ModelError(
            f"The MLflow store could not be {done}: {error.message}",
            f"Check {URI_VARIABLE}, or unset it for the store in the warehouse home.",
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the messages of MLflow and Alembic about their tables out of the log."""
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
