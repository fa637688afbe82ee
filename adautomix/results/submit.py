"""The runs that an experiment still misses as an array of Slurm jobs, by submitit (extra `slurm`).

Slurm stops and starts a job again when it is preempted or its time is over; the job then goes on
from the run's last checkpoint. What is recorded and what another job is making is left alone, so
the same command can be given at any time.
"""

import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adautomix.device import decide
from adautomix.errors import AdAutoMixError, InputError, Interrupted, first_line
from adautomix.record import Store
from adautomix.results import execute
from adautomix.results.registry import get
from adautomix.runs.job import Job, RunOptions

if TYPE_CHECKING:
    from submitit import AutoExecutor

WARNED = 120
"""Seconds before the end of a job's time at which Slurm signals it to stop."""


@dataclass(frozen=True)
class Resources:
    """What each job gets.

    Attributes:
        minutes: until Slurm stops it; it is then queued again, up to ten times.
        gpus: of one machine; above 1 the run is trained by as many processes.
        partition: of the cluster; None for its default.
        at_once: most jobs that run at the same time.
        sbatch: further options of `sbatch` by name, {"account": "vision", "mem": "64G"}.
    """

    minutes: int = 24 * 60
    gpus: int = 1
    partition: str | None = None
    at_once: int = 16
    sbatch: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("minutes", "gpus", "at_once"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, not {getattr(self, name)}.")


@dataclass(frozen=True)
class Task:
    """What one job does when it is called: it makes and evaluates one run of an experiment.

    Attributes:
        experiment, budget, job: the run.
        device, precision: see `adautomix.device.decide`, which each machine asks for itself.
        runs, data: folders of the records and of the dataset.
        gpus: processes that train it.
    """

    experiment: str
    budget: str
    job: Job
    device: str
    precision: str
    runs: Path
    data: Path | None
    gpus: int = 1

    def __call__(self) -> str:
        """Make the run and return its id."""
        options = RunOptions(decide(self.device, self.precision), Store(self.runs), self.data)
        if self.gpus > 1 and options.store.find(self.job.id()) is None:
            self._train_together()
        experiment = get(self.experiment)
        (planned,) = (
            each
            for each in experiment.planned(self.budget, [self.job.seed])
            if each.job.id() == self.job.id()
        )
        execute.run_one(experiment, planned, options)
        return self.job.id()

    def checkpoint(self) -> Any:
        """Return what Slurm is to run when it starts this job again: the same."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def _train_together(self) -> None:
        """Train the run by `torchrun` in as many processes as the job has GPUs."""
        words = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        words += [f"--nproc-per-node={self.gpus}", "-m", *shlex.split(self.job.command())]
        words += ["--device", self.device, "--precision", self.precision]
        words += ["--runs", str(self.runs)]
        words += [] if self.data is None else ["--data", str(self.data)]
        status = subprocess.run(words, check=False).returncode
        if status == Interrupted.exit_status:
            raise Interrupted(f"{self.job.id()} was stopped; the same job goes on from there.")
        if status != 0:
            raise AdAutoMixError(f"{self.job.id()} failed: the log of the job says why.")


def tasks(
    name: str, budget: str, options: RunOptions, device: str, gpus: int, seeds: Sequence[int] | None
) -> list[Task]:
    """Return a task for each run of an experiment that is missing or not evaluated."""
    experiment = get(name)
    experiment.check(budget)
    data = None if options.root is None else Path(options.root).resolve()
    found = execute.statuses(experiment, budget, options, seeds)
    return [
        Task(
            *(name, budget, each.planned.job, device, options.numerics.precision),
            *(options.store.root.resolve(), data, gpus),
        )
        for each in found
        if each.run is None or each.unevaluated
    ]


def submit(
    wanted: Sequence[Task], resources: Resources, folder: Path, cluster: str = "slurm"
) -> list[Any]:
    """Submit tasks as one job array and return submitit's jobs; logs are in `folder`.

    `cluster` "local" starts them all on this machine instead.

    Raises:
        InputError: submitit or Slurm is not there, or Slurm refuses the options.
    """
    executor = _executor(folder, cluster)
    executor.update_parameters(
        name="adautomix",
        timeout_min=resources.minutes,
        gpus_per_node=resources.gpus if cluster == "slurm" else 0,
        slurm_partition=resources.partition,
        slurm_array_parallelism=resources.at_once,
        slurm_signal_delay_s=WARNED,
        slurm_additional_parameters=dict(resources.sbatch),
    )
    try:
        with executor.batch():
            jobs = [executor.submit(task) for task in wanted]
        return jobs  # which are known when the block has ended
    except Exception as error:
        if type(error).__module__.startswith("submitit"):
            raise InputError(f"Slurm refused the jobs: {first_line(error)}.") from error
        raise


def _executor(folder: Path, cluster: str) -> "AutoExecutor":
    try:
        from submitit import AutoExecutor
    except ImportError:
        raise InputError("jobs of Slurm need submitit: pip install 'adautomix[slurm]'.") from None
    try:
        return AutoExecutor(folder, cluster=cluster, slurm_max_num_timeout=10)
    except RuntimeError as error:
        raise InputError(
            f"there is no Slurm here ({first_line(error)}): give this command where sbatch is, or "
            "`adautomix experiment run`."
        ) from error
