"""Ray Train: it starts the workers, starts them anew when one fails, and says why they ended.

writes  ``ray/train-<hash>-<8 hex digits>/``, Ray's own notes, which are deleted at the end
holds   resuming is left to our own checkpoints: Ray is given a fresh name at each start, since it
        resumes a name that it knows from a snapshot that a kill can leave empty
"""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from jobs.config import ComputeConfig
from jobs.events import Event, EventBoard, EventPump
from jobs.failures import SILENT_S, in_one_line
from jobs.signals import graceful, was_terminated
from jobs.train_worker import TrainOrder, work
from pipeline import artifacts
from pipeline.errors import TrainingError

RAY = "ray"


def run_workers(order: TrainOrder, on_event: Callable[[Event], None]) -> None:
    """Train with Ray Train; returns when the training artifact stands.

    Args:
        order: what the workers are told.
        on_event: is handed what they report.

    Raises:
        TrainingError: if training can't go on, naming the worker that is to blame.
        KeyboardInterrupt: if this process was interrupted; the workers have ended. After a SIGTERM
            they have first saved where they stood, if the grace period was enough for that.
    """
    import ray
    from ray.train.v2.api.exceptions import TrainingFailedError

    board = _board(order.compute)
    trainer = lean_trainer(is_own_ray=not os.environ.get("RAY_ADDRESS"))(
        work,
        train_loop_config={"order": order, "board": board},
        **_settings(order, board),
    )
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        with (
            EventPump(board, on_event),
            graceful(lambda: board.pause.remote(), order.compute.grace_s),
        ):
            trainer.fit()
    except TrainingFailedError as error:
        refusal = ray.get(board.refusal.remote())
        told = ray.get(board.told.remote())
        raise TrainingError(refusal or told or _otherwise(error)) from error
    except SystemExit:
        # Ray Train takes SIGINT, ends the workers and exits; what it was is for the caller to say.
        raise KeyboardInterrupt from None
    finally:
        if threading.current_thread() is threading.main_thread():
            # It would go on exiting, without a word, in whatever follows the training.
            signal.signal(signal.SIGINT, interrupt)
        # A driver that was killed could not delete its own.
        for name in order.storage.list(RAY):
            if name.startswith(f"{order.spec.id}-"):
                order.storage.delete(f"{RAY}/{name}")
    refusal = ray.get(board.refusal.remote())
    if refusal:
        raise TrainingError(refusal)
    if was_terminated() and artifacts.find(order.storage, order.spec) is None:
        raise KeyboardInterrupt


def lean_trainer(is_own_ray: bool) -> Any:
    """Ray Train's trainer without two processes, of seconds each, that nothing here needs.

    Args:
        is_own_ray: whether this process has started the Ray that it trains on.
    """
    from ray.train.torch import TorchTrainer

    # The first hands out Ray's datasets, of which there are none.
    unneeded = {"DatasetsCallback"}
    if is_own_ray:
        # It frees the places of a driver that was killed, with which such a Ray ends anyway.
        unneeded.add("PlacementGroupCleanerCallback")

    class LeanTrainer(TorchTrainer):
        # Not public: in a Ray that has it otherwise the processes start, and do no harm.
        def _create_default_callbacks(self) -> list[Any]:
            found: list[Any] = super()._create_default_callbacks()  # type: ignore[misc]
            return [callback for callback in found if type(callback).__name__ not in unneeded]

    return LeanTrainer


def _board(compute: ComputeConfig) -> Any:
    """The board's actor, here: on a node that is lost it would take the whole training along."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor: Any = ray.remote(num_cpus=0, scheduling_strategy=here)(EventBoard)  # type: ignore[call-overload]
    return actor.remote(compute.timeout_s, compute.max_failures)


def _settings(order: TrainOrder, board: Any) -> dict[str, Any]:
    import ray.train
    from ray.train import FailureConfig, RunConfig

    from jobs.process_group import ProcessGroupConfig

    compute = order.compute
    filesystem, path = order.storage.in_filesystem(RAY)
    # Its annotations are those of the version before.
    scaling: Any = ray.train.ScalingConfig
    # Ray Train takes these from the environment of this process only.
    os.environ["RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"] = str(compute.room_timeout_s)
    os.environ["RAY_TRAIN_WORKER_HEALTH_CHECK_TIMEOUT_S"] = str(compute.timeout_s)
    if not os.environ.get("RAY_ADDRESS"):
        # A process that looks for nodes that are about to be taken away; here there is but one.
        os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
    return {
        "torch_config": ProcessGroupConfig(
            backend="nccl" if compute.use_gpu else "gloo", timeout_s=math.ceil(compute.timeout_s)
        ),
        "scaling_config": scaling(
            num_workers=compute.num_workers,
            use_gpu=compute.use_gpu,
            resources_per_worker=None if compute.use_gpu else {"CPU": 1},
            elastic_resize_monitor_interval_s=compute.grow_every_s,
        ),
        "run_config": RunConfig(
            name=order.start,
            # A filesystem that Ray made of a URI would know no endpoint but the environment's.
            storage_path=path,
            storage_filesystem=filesystem,
            failure_config=FailureConfig(max_failures=compute.max_failures),
            callbacks=[_teller(board)],
        ),
    }


def _teller(board: Any) -> Any:
    """A callback that has the board say who is to blame whenever workers have failed."""
    import ray
    from ray.train import UserCallback

    class Teller(UserCallback):
        # Ray's controller calls it, in its own process.
        def after_exception(self, run_context: Any, worker_exceptions: Any) -> None:
            dead = _dead(worker_exceptions)
            if not dead and ray.get(board.only_exchanges_failed.remote()):
                # Whom the others lost may not be known yet: it will not be heard of again.
                deadline = time.monotonic() + SILENT_S + 1
                while time.monotonic() < deadline:
                    silent = ray.get(board.silent_s.remote())
                    if silent and max(silent.values()) >= SILENT_S:
                        break
                    time.sleep(0.2)
            ray.get(board.tell.remote(dead, _first(worker_exceptions)))

    return Teller()


def _dead(failures: Mapping[int, Exception]) -> list[int]:
    """The ranks whose process has ended."""
    from ray.exceptions import RayActorError

    causes = {rank: getattr(e, "health_check_failure", e) for rank, e in failures.items()}
    return sorted(rank for rank, cause in causes.items() if isinstance(cause, RayActorError))


def _first(failures: Mapping[int, Exception]) -> str:
    rank = min(failures)
    return f"worker {rank} failed: {in_one_line(failures[rank])}"


def _otherwise(error: Exception) -> str:
    """What Ray Train says that did not come of a worker's own code."""
    failures: Mapping[int, Exception] = getattr(error, "worker_failures", {})
    if failures:
        return _first(failures)
    # Ray's own text begins with a traceback, what it failed of is at its end.
    cause = getattr(error, "controller_failure", error)
    cause = getattr(cause, "cause", None) or cause
    return f"Ray Train stopped: {' '.join(str(cause).split())[:300]}"
