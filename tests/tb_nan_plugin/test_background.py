"""Work in the background, with a clock and a worker that the test turns by hand."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from tb_nan_plugin import background
from tb_nan_plugin.background import Background, State

SECONDS = 10.0  # until a thread that should have answered long ago is given up


class Clock:
    """A monotonic clock that moves only when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        fake = SimpleNamespace(monotonic=lambda: self.now, time=lambda: 1000.0)
        monkeypatch.setattr(background, "time", fake)


class Worker:
    """Work that waits to be let through, and counts how often it was begun."""

    def __init__(self) -> None:
        self.threads: queue.Queue[threading.Thread] = queue.Queue()
        self.begun = 0
        self.at_once = 0
        self.most_at_once = 0
        self.answer: Callable[[], str] = lambda: "first"
        self._gate = threading.Semaphore(0)

    def __call__(self) -> str:
        self.begun += 1
        self.threads.put(threading.current_thread())
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        assert self._gate.acquire(timeout=SECONDS)
        self.at_once -= 1
        return self.answer()

    def let_through(self) -> None:
        """Let one run end, and wait until its thread has."""
        thread = self.threads.get(timeout=SECONDS)
        self._gate.release()
        thread.join(SECONDS)
        assert not thread.is_alive()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def worker() -> Worker:
    return Worker()


def finished(worker: Worker, work: Background[str]) -> State[str]:
    """Ask, let the run end, and return what is known then without beginning another."""
    work.ask()
    worker.let_through()
    return work.ask()


def test_asking_returns_at_once_while_the_work_goes_on(worker: Worker) -> None:
    work = Background(worker, 2.0)
    began = time.perf_counter()

    state = work.ask()

    assert time.perf_counter() - began < 0.5
    assert (state.phase, state.result, state.message) == ("scanning", None, "")
    worker.let_through()


def test_nothing_runs_before_the_first_question(worker: Worker) -> None:
    Background(worker, 2.0)

    assert worker.begun == 0


def test_the_result_is_there_when_the_work_is_done(clock: Clock, worker: Worker) -> None:
    state = finished(worker, Background(worker, 2.0))

    assert (state.phase, state.result, state.message) == ("ready", "first", "")


def test_many_questions_at_once_start_one_run(worker: Worker) -> None:
    work = Background(worker, 0.0)
    askers = [threading.Thread(target=work.ask) for _ in range(20)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(SECONDS)

    worker.let_through()
    assert worker.begun == worker.most_at_once == 1


def test_it_is_left_alone_for_a_while_after_each_run(clock: Clock, worker: Worker) -> None:
    work = Background(worker, 2.0)
    finished(worker, work)

    clock.now += 1.9
    work.ask()
    assert worker.begun == 1

    clock.now += 0.1
    work.ask()
    worker.let_through()
    assert worker.begun == 2


def test_a_long_run_earns_a_rest_as_long(clock: Clock, worker: Worker) -> None:
    work = Background(worker, 2.0)
    work.ask()
    clock.now += 30.0
    worker.let_through()

    clock.now += 29.9
    work.ask()
    assert worker.begun == 1

    clock.now += 0.1
    work.ask()
    worker.let_through()
    assert worker.begun == 2


def test_the_generation_grows_only_when_the_result_is_another_object(
    clock: Clock, worker: Worker
) -> None:
    work = Background(worker, 2.0)
    before = work.ask().generation
    worker.let_through()
    first = work.ask()
    assert first.generation == before + 1

    clock.now += 2.0
    same = finished(worker, work)
    assert same.generation == first.generation

    worker.answer = lambda: "second"
    clock.now += 2.0
    other = finished(worker, work)
    assert (other.result, other.generation) == ("second", first.generation + 1)


def test_a_new_server_begins_with_another_generation_than_the_one_before(
    monkeypatch: pytest.MonkeyPatch, worker: Worker
) -> None:
    generations = []
    for now in (1000.0, 2000.0):
        fake = SimpleNamespace(monotonic=time.monotonic, time=lambda now=now: now)
        monkeypatch.setattr(background, "time", fake)
        generations.append(Background(worker, 2.0).ask().generation)
        worker.let_through()

    assert generations == [1000, 2000]


def test_a_failure_keeps_the_last_result_beside_its_message(clock: Clock, worker: Worker) -> None:
    work = Background(worker, 2.0)
    good = finished(worker, work)

    worker.answer = lambda: failing(ValueError("the disk is gone"))
    clock.now += 2.0
    bad = finished(worker, work)

    assert (bad.phase, bad.message) == ("failed", "the disk is gone")
    assert (bad.result, bad.generation) == ("first", good.generation)


def test_a_failure_without_words_is_called_by_its_name(clock: Clock, worker: Worker) -> None:
    worker.answer = lambda: failing(MemoryError())

    assert finished(worker, Background(worker, 2.0)).message == "MemoryError"


def test_it_tries_again_after_a_failure_and_forgets_the_message(
    clock: Clock, worker: Worker
) -> None:
    work = Background(worker, 2.0)
    worker.answer = lambda: failing(OSError("not yet"))
    assert finished(worker, work).phase == "failed"

    worker.answer = lambda: "first"
    clock.now += 2.0
    state = finished(worker, work)

    assert (state.phase, state.result, state.message) == ("ready", "first", "")


def test_its_thread_does_not_keep_the_server_from_ending(worker: Worker) -> None:
    work = Background(worker, 2.0)
    work.ask()

    thread = worker.threads.get(timeout=SECONDS)

    assert thread.daemon
    worker.threads.put(thread)
    worker.let_through()


def failing(error: Exception) -> str:
    raise error
