"""The exceptions of anuvad, one small tree.

    AnuvadError              what a user can mend; shown as one sentence, without a traceback
    ├── ConfigError          the command line or the configuration is wrong      (exit code 2)
    ├── CorpusError          the source can't be found, read or verified
    ├── ArtifactError        an artifact is missing, incomplete or not what its manifest says
    ├── TrainingError        training can't go on
    ├── RegistryError        the model registry refused, or has no such model
    ├── OutageError          MLflow does not answer, or with an error of its own (exit code 3)
    ├── LostJobError         a cluster does not say any more how its job is      (exit code 69)
    └── BusyError            another process holds what this one needs
        ├── HeldError        another process holds a lock of the storage
        ├── UnderWayError    another process does the same already
        └── LostLockError    another process has taken over what this one held

All others end a command with exit code 1. After an OutageError what was made stands, and the same
command finishes once MLflow answers.
"""

from __future__ import annotations


class AnuvadError(Exception):
    """The base of all errors that a user can mend: one sentence, no traceback."""

    exit_code = 1


class ConfigError(AnuvadError):
    """The command line or the configuration is wrong."""

    exit_code = 2


class CorpusError(AnuvadError):
    """A corpus source can't be found, read or verified."""


class ArtifactError(AnuvadError):
    """An artifact is missing, incomplete or not what its manifest says."""


class TrainingError(AnuvadError):
    """Training can't go on."""


class RegistryError(AnuvadError):
    """The model registry refused, can't be reached, or has no such model."""


class OutageError(AnuvadError):
    """MLflow does not answer, answers with an error of its own, or lets nobody in for now."""

    exit_code = 3


class LostJobError(AnuvadError):
    """A cluster does not answer, or has forgotten the job; how the job ended is not known."""

    exit_code = 69  # EX_UNAVAILABLE of sysexits.h


class BusyError(AnuvadError):
    """Another process holds what this one needs."""


class HeldError(BusyError):
    """Another process holds a lock of the storage.

    Attributes:
        what: the lock and who holds it, without what to do about it.
        job: what the holder says it does; empty if nothing.
    """

    def __init__(self, what: str, job: str = "") -> None:
        super().__init__(f"{what}; run the same command again when it has ended")
        self.what = what
        self.job = job


class UnderWayError(BusyError):
    """Another process does the same already, so there is nothing to do."""


class LostLockError(BusyError):
    """Another process has taken over what this one held, thinking it dead."""
