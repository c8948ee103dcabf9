"""The adapter to Prefect 3: the one module of the runtime that imports prefect, loaded only when it is needed.

Prefect 3 lets a flow end without waiting for what it submitted, and then cancels it and reports success. A flow made
here waits for every task that was called, and fails if one failed.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextvars import ContextVar
from functools import update_wrapper, wraps
from types import FunctionType
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast
from uuid import UUID
from weakref import WeakKeyDictionary

from prefect import Flow
from prefect import Task as PrefectTask
from prefect import flow as prefect_flow
from prefect import task as prefect_task
from prefect.client.schemas import State
from prefect.context import FlowRunContext, TaskRunContext
from prefect.futures import PrefectFuture, PrefectWrappedFuture, resolve_futures_to_results
from prefect.results import get_result_store

from dioptra.pyplugs._default import default_registry
from dioptra.pyplugs._plugin_dirs import active_or_configured
from dioptra.pyplugs._run_record import TaskRecord, write_run_record
from dioptra.pyplugs._types import Coordinates, Task
from dioptra.sdk.exceptions import FailedTask, PluginLoadError, TaskRunFailedError

P = ParamSpec("P")
R = TypeVar("R")


class _Submitted(NamedTuple):
    """A task that a flow called."""

    task: Task
    future: PrefectFuture[Any]


class _Ended(NamedTuple):
    """A task that was waited for: it has ended, or will never run.

    Attributes:
        task: The task.
        state: Name of its final state.
        completed: Whether it did what it should.
        exception: What it raised, or None.
    """

    task: Task
    state: str
    completed: bool
    exception: BaseException | None = None


class _Run:
    """One run of a `flow`: what it called, and the task run it was started in, if any."""

    def __init__(self, started_in: object) -> None:
        self.started_in = started_in
        self._lock = threading.Lock()
        self._submitted: list[_Submitted] = []

    def remember(self, submitted: _Submitted) -> None:
        with self._lock:
            self._submitted.append(submitted)

    def wait(self) -> tuple[_Ended, ...]:
        """Wait until every task has ended, also those that were called meanwhile."""
        ended: list[_Ended] = []
        while True:
            with self._lock:
                waiting = self._submitted[len(ended) :]
            if not waiting:
                return tuple(ended)
            ended.extend(map(_end_of, waiting))

    def forget(self) -> None:
        """Let go of the tasks: threads of Prefect keep the context, and with it this run, for ever."""
        with self._lock:
            self._submitted.clear()
            self.started_in = None


class _Made(NamedTuple):
    """A Prefect task and what it was made of; kept on the function, so that both go together."""

    task: Task
    prefect_task: PrefectTask[..., Any]


class _Origin(NamedTuple):
    """What a Prefect task was made of, in words: a reference to the function would keep it alive."""

    module: str
    func: str
    distribution: str | None
    version: str | None


_MADE = "_dioptra_prefect_task"
_made_tasks: WeakKeyDictionary[PrefectTask[..., Any], _Origin] = WeakKeyDictionary()
_making = threading.Lock()

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
    """Make a Prefect task called ``plugin.func``, with ``project==version`` as tag and version.

    A function's Prefect task is made once. Classes and other callables get a new one each time.
    """
    func = task.info.func
    if not isinstance(func, FunctionType):
        return _new_task(task)
    made = func.__dict__.get(_MADE)
    # Compared, because `functools.wraps` copies attributes to other functions.
    if not isinstance(made, _Made) or made.task != task:
        made = func.__dict__[_MADE] = _Made(task, _new_task(task))
    return made.prefect_task


def make_flow(fn: Callable[P, R], options: Mapping[str, Any]) -> Flow[P, R]:
    """Make a flow that keeps the promises of `dioptra.pyplugs.flow`.

    Raises:
        TypeError: The function is a generator.
    """
    # Prefect reads name, source file, version and parameters from the user's own function.
    made: Flow[P, R] = prefect_flow(**options)(fn)
    if made.isgenerator:
        raise TypeError(f"{made.fn.__qualname__} is a generator, which cannot be waited for; return a list instead")
    following = _following_async if made.isasync else _following
    made.fn = cast("Callable[P, R]", following(made.fn, made.name))
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
        with active_or_configured(default_registry.activation):
            current = _Run(_task_run())
            token = _run.set(current)
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                _finish(current, _flow_name(name), error)
                raise
            finally:
                _run.reset(token)
            _finish(current, _flow_name(name))
            return _resolved(result)

    return run


def _following_async(fn: Callable[P, Any], name: str) -> Callable[P, Any]:
    @wraps(fn)
    async def run(*args: P.args, **kwargs: P.kwargs) -> Any:
        with active_or_configured(default_registry.activation):
            current = _Run(_task_run())
            token = _run.set(current)
            # In a thread, because waiting for a future blocks, and tasks may need this loop.
            try:
                result = await fn(*args, **kwargs)
            except BaseException as error:
                await asyncio.to_thread(_finish, current, _flow_name(name), error)
                raise
            finally:
                _run.reset(token)
            await asyncio.to_thread(_finish, current, _flow_name(name))
            return await asyncio.to_thread(_resolved, result)

    return run


def _flow_name(default: str) -> str:
    """The name of the running flow, which ``with_options`` may have changed after it was made."""
    context = FlowRunContext.get()
    return default if context is None or context.flow is None else context.flow.name


def _task_run() -> object:
    return TaskRunContext.get()


def _new_task(task: Task) -> PrefectTask[..., Any]:
    info, provenance = task.info, task.provenance
    release = f"{provenance.distribution}=={provenance.version}" if provenance.distribution else None
    module = Coordinates(info.package_name, info.plugin_name).module
    function = _instances(info.func) if isinstance(info.func, type) else info.func
    made: PrefectTask[..., Any] = prefect_task(
        name=f"{info.plugin_name}.{info.func_name}",
        description=info.description or None,
        version=release,
        tags=[release] if release else [],
    )(function if task.nout is None else _counting(function, task.nout))
    default_registry.activation.when_unloaded(_retire)
    with _making:
        _made_tasks[made] = _Origin(module, info.func_name, provenance.distribution, provenance.version)
    return made


def _retire(modules: Collection[str]) -> None:
    """Part Prefect's tasks from functions of modules that were unloaded.

    Threads of Prefect keep the context in which they were started, and with it the task that ran then, for ever. The
    function would stay alive with it, and whoever kept such a task would run the code of an environment that was left.
    """
    with _making:
        for made, origin in list(_made_tasks.items()):
            if origin.module in modules:
                del _made_tasks[made]
                for name in vars(made.fn):
                    made.__dict__.pop(name, None)
                made.fn = _refusing(origin)
                update_wrapper(made, made.fn)


def _refusing(origin: _Origin) -> Callable[..., Any]:
    """A function in place of one that was unloaded."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise PluginLoadError(
            origin.module,
            distribution=origin.distribution,
            version=origin.version,
            why="its plugin directory was left after this Prefect task had been made",
            hint=f"get the task {origin.func!r} anew with dioptra.pyplugs.get_task",
        )

    return refuse


def _counting(function: Callable[..., Any], nout: int) -> Callable[..., Any]:
    """The function, failing where its results are not as many as stated: futures that were unpacked would hide it."""
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return function  # its results are counted by nobody before Prefect has collected them

    def counted(results: Any) -> Any:
        found = f"{len(results)} results" if hasattr(results, "__len__") else f"a single {type(results).__name__}"
        if found != f"{nout} results":
            raise ValueError(f"{function.__qualname__} returned {found}; task_nout({nout}) states {nout}")
        return results

    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            return counted(await function(*args, **kwargs))

        return run_async

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        return counted(function(*args, **kwargs))

    return run


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


def _finish(run: _Run, name: str, own: BaseException | None = None) -> None:
    """Wait for all tasks, write the run's record where one is wanted, and fail if a task did not complete.

    The flow's own exception wins over all that is found here.
    """
    ended = run.wait()
    run.forget()
    problem = _failure(ended, name) if own is None else own
    try:
        write_run_record(name, [TaskRecord.of(item.task, item.state) for item in ended])
    except OSError as error:
        if problem is None:
            raise
        problem.add_note(f"the record of the run could not be written: {error}")
    if own is None and problem is not None:
        raise problem


def _failure(ended: Iterable[_Ended], name: str) -> TaskRunFailedError | None:
    """The error that names the tasks which did not complete; the first one's exception is its cause."""
    failed = [item for item in ended if not item.completed]
    if not failed:
        return None
    error = TaskRunFailedError(name, [FailedTask(_label(item.task), item.state) for item in failed])
    error.__cause__ = next((item.exception for item in failed if item.exception is not None), None)
    return error


def _end_of(submitted: _Submitted) -> _Ended:
    task, future = submitted
    try:
        future.wait()
    except BaseException as error:
        # A task's SystemExit comes out here, and so does what interrupts the waiting itself.
        if not _raised_by_task(future, error):
            raise
        return _Ended(task, "Crashed", completed=False, exception=error)
    state = future.state
    name = state.name or state.type.value.title()
    if not (state.is_failed() or state.is_crashed()):
        return _Ended(task, name, completed=state.is_completed())
    answer = future.result(raise_on_failure=False)
    return _Ended(task, name, completed=False, exception=answer if isinstance(answer, BaseException) else None)


def _raised_by_task(future: PrefectFuture[Any], error: BaseException) -> bool:
    inner = future.wrapped_future if isinstance(future, PrefectWrappedFuture) else None
    return isinstance(inner, Future) and inner.done() and (inner.cancelled() or inner.exception() is error)


def _label(task: Task) -> str:
    info, provenance = task.info, task.provenance
    name = ".".join(part for part in (info.package_name, info.plugin_name, info.func_name) if part)
    return f"{name} of {provenance.distribution} {provenance.version}" if provenance.distribution else name


def _resolved(result: R) -> R:
    resolved: R = resolve_futures_to_results(result)
    return resolved
