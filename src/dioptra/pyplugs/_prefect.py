"""The adapter to Prefect 3: the one module of the runtime that imports prefect, loaded only when it is needed.

Prefect 3 lets a flow end without waiting for what it submitted, and then cancels it and reports success. A flow made
here waits for every task that was called, and fails if one failed.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast
from uuid import UUID

from prefect import Flow
from prefect import Task as PrefectTask
from prefect import flow as prefect_flow
from prefect import task as prefect_task
from prefect.client.schemas import State
from prefect.context import FlowRunContext, TaskRunContext
from prefect.futures import PrefectFuture, resolve_futures_to_results
from prefect.results import get_result_store

from dioptra.pyplugs._activation import PluginDirectories, configured_directories
from dioptra.pyplugs._default import default_registry
from dioptra.pyplugs._run_record import TaskRecord, write_run_record
from dioptra.pyplugs._types import Task
from dioptra.sdk.exceptions import FailedTask, TaskRunFailedError

P = ParamSpec("P")
R = TypeVar("R")


class _Submitted(NamedTuple):
    """A task that a flow called."""

    task: Task
    future: PrefectFuture[Any]


class _Run:
    """One run of a `flow`: what it called, and the task run it was started in, if any."""

    def __init__(self, started_in: object) -> None:
        self.started_in = started_in
        self._lock = threading.Lock()
        self._submitted: list[_Submitted] = []

    def remember(self, submitted: _Submitted) -> None:
        with self._lock:
            self._submitted.append(submitted)

    def wait(self) -> tuple[_Submitted, ...]:
        """Wait until every task has ended, also those that were called meanwhile."""
        done = 0
        while True:
            with self._lock:
                waiting = self._submitted[done:]
            if not waiting:
                return tuple(self._submitted)
            for submitted in waiting:
                submitted.future.wait()
            done += len(waiting)


_run: ContextVar[_Run | None] = ContextVar("dioptra_flow_run", default=None)


def calls_submit() -> bool:
    """Whether a call is made by a flow itself, and not by one of its tasks or outside of any run."""
    run, task_run = _run.get(), _task_run()
    # A flow's context is set inside its tasks too. A flow that was started inside a task submits all the same.
    if task_run is not None and (run is None or task_run is not run.started_in):
        return False
    return FlowRunContext.get() is not None


def submit(task: Task, args: Sequence[Any], kwargs: Mapping[str, Any], upstream: Any) -> PrefectFuture[Any]:
    """Submit a task to the running flow and remember it there.

    Args:
        task: The task.
        args: Its positional arguments; futures in them are waited for.
        kwargs: Its keyword arguments; likewise.
        upstream: A future, several, or None: what must have completed first.

    Returns:
        Its future; one that can be unpacked where the task has ``task_nout``.
    """
    future = make_task(task).submit(*args, wait_for=_as_list(upstream), **kwargs)
    run = _run.get()
    if run is not None:
        run.remember(_Submitted(task, future))
    return future if task.nout is None else _SeveralFuture(future, task.nout)


def make_task(task: Task) -> PrefectTask[..., Any]:
    """Make a Prefect task called ``plugin.func``, with ``project==version`` as tag and version."""
    info, provenance = task.info, task.provenance
    release = f"{provenance.distribution}=={provenance.version}" if provenance.distribution else None
    function = _instances(info.func) if isinstance(info.func, type) else info.func
    made: PrefectTask[..., Any] = prefect_task(
        name=f"{info.plugin_name}.{info.func_name}",
        description=info.description or None,
        version=release,
        tags=[release] if release else [],
    )(function)
    return made


def make_flow(fn: Callable[P, R], options: Mapping[str, Any]) -> Flow[P, R]:
    """Make a flow that keeps the promises of `dioptra.pyplugs.flow`.

    Raises:
        TypeError: The function is a generator.
    """
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise TypeError(f"{fn.__qualname__} is a generator, which cannot be waited for; return a list instead")
    # Prefect reads name, source file, version and parameters from the user's own function.
    made: Flow[P, R] = prefect_flow(**options)(fn)
    name = made.name
    made.fn = cast("Callable[P, R]", _following_async(fn, name) if made.isasync else _following(fn, name))
    return made


class _ElementFuture(PrefectFuture[Any]):
    """One element of the result of a task with several results; no task run of its own."""

    def __init__(self, whole: PrefectFuture[Any], position: int) -> None:
        self._whole, self._position = whole, position

    @property
    def task_run_id(self) -> UUID:
        return self._whole.task_run_id

    @property
    def state(self) -> State[Any]:
        state = self._whole.state
        if not state.is_completed():
            return state
        # Prefect takes a parameter's value from the state, so that the state has to carry the element.
        record = get_result_store().create_result_record(self._element())
        return state.model_copy(update={"data": record})

    def wait(self, timeout: float | None = None) -> None:
        self._whole.wait(timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any:
        whole = self._whole.result(timeout, raise_on_failure)
        return whole if isinstance(whole, BaseException) else whole[self._position]

    def add_done_callback(self, fn: Callable[[PrefectFuture[Any]], None]) -> None:
        self._whole.add_done_callback(lambda _: fn(self))

    def _element(self) -> Any:
        return self._whole.result()[self._position]


class _SeveralFuture(PrefectFuture[Any]):
    """The future of a task with ``task_nout``: the whole result, or unpacked one future for each element."""

    def __init__(self, whole: PrefectFuture[Any], count: int) -> None:
        self._whole, self._count = whole, count

    @property
    def task_run_id(self) -> UUID:
        return self._whole.task_run_id

    @property
    def state(self) -> State[Any]:
        return self._whole.state

    def wait(self, timeout: float | None = None) -> None:
        self._whole.wait(timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any:
        return self._whole.result(timeout, raise_on_failure)

    def add_done_callback(self, fn: Callable[[PrefectFuture[Any]], None]) -> None:
        self._whole.add_done_callback(lambda _: fn(self))

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, position: int) -> PrefectFuture[Any]:
        return _ElementFuture(self._whole, range(self._count)[position])

    def __iter__(self) -> Iterator[PrefectFuture[Any]]:
        return (self[position] for position in range(self._count))


def _following(fn: Callable[P, R], name: str) -> Callable[P, R]:
    """The function as the flow runs it: with plugin directories, waiting for tasks."""

    @wraps(fn)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with _plugin_directories():
            current = _Run(_task_run())
            token = _run.set(current)
            try:
                result = fn(*args, **kwargs)
            except BaseException:
                _finish(current, name)
                raise
            finally:
                _run.reset(token)
            _refuse_failed(_finish(current, name), name)
            return _resolved(result)

    return run


def _following_async(fn: Callable[P, Any], name: str) -> Callable[P, Any]:
    @wraps(fn)
    async def run(*args: P.args, **kwargs: P.kwargs) -> Any:
        with _plugin_directories():
            current = _Run(_task_run())
            token = _run.set(current)
            try:
                result = await fn(*args, **kwargs)
            except BaseException:
                await asyncio.to_thread(_finish, current, name)
                raise
            finally:
                _run.reset(token)
            # In a thread, because waiting for a future blocks, and tasks may need this loop.
            _refuse_failed(await asyncio.to_thread(_finish, current, name), name)
            return await asyncio.to_thread(_resolved, result)

    return run


def _task_run() -> object:
    return TaskRunContext.get()


def _instances(registered: type) -> Callable[..., Any]:
    """A function that makes instances: Prefect takes no classes."""

    @wraps(registered, updated=())
    def make(*args: Any, **kwargs: Any) -> Any:
        return registered(*args, **kwargs)

    return make


def _as_list(upstream: Any) -> list[Any] | None:
    if upstream is None:
        return None
    # A future that can be unpacked is one future all the same.
    one = isinstance(upstream, PrefectFuture) or not isinstance(upstream, Iterable)
    return [upstream] if one else list(upstream)


def _plugin_directories() -> AbstractContextManager[object]:
    if default_registry.activation.active or not configured_directories():
        return nullcontext()
    return PluginDirectories(default_registry.activation)


def _finish(run: _Run, name: str) -> tuple[_Submitted, ...]:
    """Wait for all tasks and write the run's record, where one is wanted."""
    submitted = run.wait()
    write_run_record(name, [TaskRecord.of(item.task, item.future.state.name or "") for item in submitted])
    return submitted


def _refuse_failed(submitted: Iterable[_Submitted], name: str) -> None:
    """Fail the run if a task did not complete; the first one's exception is the cause."""
    failed = [item for item in submitted if not item.future.state.is_completed()]
    if not failed:
        return
    tasks = [FailedTask(_label(item.task), item.future.state.name or "Unknown") for item in failed]
    raise TaskRunFailedError(name, tasks) from next(filter(None, map(_exception, failed)), None)


def _label(task: Task) -> str:
    info, provenance = task.info, task.provenance
    name = ".".join(part for part in (info.package_name, info.plugin_name, info.func_name) if part)
    return f"{name} of {provenance.distribution} {provenance.version}" if provenance.distribution else name


def _exception(submitted: _Submitted) -> BaseException | None:
    state = submitted.future.state
    if not (state.is_failed() or state.is_crashed()):
        return None  # it never ran
    answer = state.result(raise_on_failure=False)
    return answer if isinstance(answer, BaseException) else None


def _resolved(result: R) -> R:
    resolved: R = resolve_futures_to_results(result)
    return resolved
