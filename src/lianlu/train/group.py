"""The processes of one run: `torchrun --nproc-per-node N -m lianlu train run …` gives one process for each device.

Whoever fails says so on a board that all can read before its connections break; the others, whose next exchange fails, read
it and end with the same error instead of waiting. Only one process tells the error: the first to write it. One process
alone needs nothing of torch.distributed.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any, Protocol, TypeVar

import msgspec

from lianlu.core import errors
from lianlu.core.errors import Cancelled, LianluError, LimitError, UsageError
from lianlu.core.events import Event
from lianlu.core.job import Job

__all__ = ["Alone", "Elsewhere", "Group", "Place", "Together", "is_first", "join", "one_speaker", "silent"]

ValueT = TypeVar("ValueT")
_JOIN_SECONDS = 300
_WORDS_SECONDS = 2.0  # words are written before the connections break
_LONGEST_WAIT = timedelta(hours=6)  # one process may encode data or write weights while the others wait
_FAILED = "failed"
_FAMILIES = ("UsageError", "DataError", "BackendError", "LimitError")
_turns = count()


class Elsewhere(Exception):
    """The cause of an error that another process has met and tells."""


@dataclass(frozen=True)
class Place:
    """Which process this is.

    Attributes:
        local: its number on this machine, which is that of its device.
        neighbours: processes on this machine, itself included.
    """

    rank: int = 0
    world: int = 1
    local: int = 0
    neighbours: int = 1

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Place:
        """As torchrun tells it. Raises UsageError train.bad-group."""
        if environment.get("WORLD_SIZE", "1") == "1":
            return cls()
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        found = [environment.get(name, "") for name in names]
        wrong = [f"{name}={value}" for name, value in zip(names, found, strict=True) if not value.isdecimal()]
        if not wrong:
            place = cls(*(int(value) for value in found))
            if place.rank < place.world and place.local < place.neighbours <= place.world:
                return place
            wrong = [f"{name}={value}" for name, value in zip(names, found, strict=True)]
        raise UsageError("train.bad-group", why=", ".join(wrong))


def is_first() -> bool:
    """Whether this process speaks for the run. Raises UsageError train.bad-group."""
    return Place.from_environment().rank == 0


@contextmanager
def one_speaker() -> Generator[None]:
    """A command in several processes: after the block only the first goes on, and only one tells what went wrong.

    Raises:
        SystemExit: this process ends quietly, with the exit code of the run
    """
    try:
        yield
    except LianluError as error:
        if isinstance(error.__cause__, Elsewhere):
            raise SystemExit(error.exit_code) from error
        raise
    if not is_first():
        raise SystemExit(0)


class Group(Protocol):
    """What the processes of a run tell each other; every call is made by all of them, in the same order."""

    @property
    def place(self) -> Place: ...

    def sums(self, values: Sequence[float]) -> list[float]:
        """Each of the numbers summed over the processes, in float64."""
        ...

    def gather(self, value: ValueT) -> list[ValueT]:
        """The values of all processes, in their order, for each of them."""
        ...

    def first(self) -> AbstractContextManager[None]:
        """The block is run by the first process, and then by the others: they find what it has written."""
        ...

    def barrier(self) -> None:
        """Wait until all are here."""
        ...

    def from_first(self, make: Callable[[], ValueT]) -> ValueT:
        """What `make` gives on the first process, for all."""
        ...


@dataclass(frozen=True)
class Alone:
    """One process."""

    place: Place = field(default_factory=Place)

    def sums(self, values: Sequence[float]) -> list[float]:
        return list(values)

    def gather(self, value: ValueT) -> list[ValueT]:
        return [value]

    def first(self) -> AbstractContextManager[None]:
        return nullcontext()

    def barrier(self) -> None:
        """Nobody is waited for."""

    def from_first(self, make: Callable[[], ValueT]) -> ValueT:
        return make()


@dataclass(frozen=True)
class Together:
    """One of several processes. What they tell each other goes through main memory (gloo), gradients as devices do it."""

    place: Place

    def sums(self, values: Sequence[float]) -> list[float]:
        import torch
        import torch.distributed as dist

        summed = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(summed)
        return summed.tolist()

    def gather(self, value: ValueT) -> list[ValueT]:
        import torch.distributed as dist

        found: list[Any] = [None] * self.place.world
        dist.all_gather_object(found, value)
        return found

    @contextmanager
    def first(self) -> Generator[None]:
        if self.place.rank:
            self.barrier()
        yield
        if not self.place.rank:
            self.barrier()

    def barrier(self) -> None:
        self.sums([0.0])  # `dist.barrier` would take a device

    def from_first(self, make: Callable[[], ValueT]) -> ValueT:
        import torch.distributed as dist

        found: list[Any] = [make() if not self.place.rank else None]
        dist.broadcast_object_list(found, src=0)
        return found[0]


def join(place: Place | None = None) -> AbstractContextManager[Group]:
    """The group of this process while the block runs; they leave it together.

    Raises:
        UsageError: train.bad-group
        LianluError: what any of the processes failed with; its cause is `Elsewhere` where another one tells it
        LimitError: train.lost-process: one ended without a word
    """
    found = place or Place.from_environment()
    return nullcontext(Alone()) if found.world == 1 else _Joined(found)


class _Joined(AbstractContextManager[Group]):
    """No `except` here: what the block raises is looked at on leaving, whatever it is."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def __enter__(self) -> Group:
        import torch
        import torch.distributed as dist

        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "cpu:gloo"
        rank, world = self._place.rank, self._place.world
        try:
            self._board: Any = _board(self._place)
            dist.init_process_group(backend, store=self._board, rank=rank, world_size=world, timeout=_LONGEST_WAIT)
        except (RuntimeError, ValueError, OSError, ImportError) as error:
            raise UsageError("train.bad-group", why=str(error).splitlines()[0][:300]) from error
        return Together(self._place)

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        import torch.distributed as dist

        del kind, trace
        if error is None:
            try:
                Together(self._place).barrier()
            except RuntimeError as broken:
                with _not_terminated():
                    self._tell(broken)
                _hang_up()
                raise
            dist.destroy_process_group()
            return
        try:
            with _not_terminated():
                self._tell(error)
        finally:
            _hang_up()

    def _tell(self, error: BaseException) -> None:
        """Raise what the group failed with, if that is something else than `error`."""
        is_broken = _is_broken(error)
        known = self._words(_WORDS_SECONDS) if is_broken else ""
        if not known:
            own = LimitError("train.lost-process") if is_broken else error
            known = self._claim(_written(own, self._place.rank))
            if known is None or msgspec.json.decode(known)["rank"] == self._place.rank:
                if own is not error:
                    raise own from error
                return
        told = msgspec.json.decode(known)
        raise _read(told) from Elsewhere(f"process {told['rank']}")

    def _words(self, seconds: float) -> str:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self._board.check([_FAILED]):
                    return str(self._board.get(_FAILED).decode())
            except RuntimeError:
                return ""  # the board was on the machine that is gone
            time.sleep(0.05)
        return ""

    def _claim(self, words: str) -> str | None:
        try:
            return str(self._board.compare_set(_FAILED, "", words).decode())
        except RuntimeError:
            return None


@contextmanager
def _not_terminated() -> Generator[None]:
    """torchrun ends all when one has ended; finding out why that one did takes a moment."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _hang_up() -> None:
    """Let the others notice; with NCCL that could wait for what will not come, there the end of the process does it."""
    import torch
    import torch.distributed as dist

    if not torch.cuda.is_available():
        dist.destroy_process_group()


def _board(place: Place) -> Any:
    """A store of this run alone, once all have come."""
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    found, *_ = next(rendezvous("env://", timeout=timedelta(seconds=_JOIN_SECONDS)))
    board = PrefixStore(f"lianlu-{next(_turns)}", found)
    board.set(f"here-{place.rank}", "")
    board.wait([f"here-{rank}" for rank in range(place.world)], timedelta(seconds=_JOIN_SECONDS))
    return board


def _is_broken(error: BaseException) -> bool:
    """Whether an exchange failed, which is what the others see of a process that ends."""
    import torch.distributed as dist
    from torch.distributed.checkpoint.api import CheckpointException

    if isinstance(error, CheckpointException):
        return any(_is_broken(each[0]) for each in error.failures.values())
    words = str(error)
    return isinstance(error, dist.DistError) or (
        isinstance(error, RuntimeError) and any(each in words for each in ("gloo", "Connection closed", "NCCL"))
    )


def _written(error: BaseException, rank: int) -> str:
    error = Cancelled() if isinstance(error, KeyboardInterrupt) else error
    if not isinstance(error, LianluError):
        what = f"{type(error).__name__}: {error}"
        error = LianluError("train.other-process", rank=rank, why=what[:1000])
    facts = {name: fact if isinstance(fact, str | int | float) else str(fact) for name, fact in error.facts.items()}
    told = {"rank": rank, "family": type(error).__name__, "code": error.code, "facts": facts}
    return msgspec.json.encode(told).decode()


def _read(told: Mapping[str, Any]) -> LianluError:
    if told["family"] == "Cancelled":
        return Cancelled(told["code"], **told["facts"])
    family: type[LianluError] = getattr(errors, told["family"]) if told["family"] in _FAMILIES else LianluError
    return family(told["code"], **told["facts"])


class _Silent(Job):
    def emit(self, event: Event) -> None:
        del event


def silent(job: Job) -> Job:
    """The same job, whose events nobody hears: that of the processes that do not speak."""
    found = _Silent.__new__(_Silent)
    vars(found).update(vars(job))
    return found
