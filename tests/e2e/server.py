"""A real `tensorboard` process, and what it wrote to its terminal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, TypeVar
from urllib.parse import quote

T = TypeVar("T")

READY: Final = re.compile(r"TensorBoard \S+ at (http://localhost:\S+?)/? \(Press")
START_SECONDS: Final = 60.0  # a cold disk and two slow cores; three seconds are usual
ANSWER_SECONDS: Final = 20.0


def wait_for(what: str, probe: Callable[[], T | None], seconds: float = ANSWER_SECONDS) -> T:
    """Return the first answer of `probe` that is not None or False."""
    end = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer is not None and answer is not False:
            return answer
        assert time.monotonic() < end, f"waited {seconds:.0f} s in vain for {what}"
        time.sleep(0.05)


class TensorBoard:
    """One process, from `with` until the end of its block."""

    def __init__(self, *arguments: str, cwd: Path | None = None) -> None:
        """Keep what to start it with.

        Args:
            arguments: After `python -m tensorboard.main`.
            cwd: Where it is started, which Python then puts on its path.
        """
        self._arguments = arguments
        self._cwd = cwd
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _stop
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.seconds_to_start = 0.0

    def __enter__(self) -> TensorBoard:
        command = [sys.executable, "-m", "tensorboard.main", "--host=localhost", "--port=0"]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}
        began = time.monotonic()
        self._process = subprocess.Popen(
            [*command, *self._arguments],
            cwd=self._cwd,
            env=environment,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        try:
            self.url = wait_for("TensorBoard to start", self._address, START_SECONDS)
        except BaseException:
            self._stop()
            raise
        self.seconds_to_start = time.monotonic() - began
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._output.close()

    def _address(self) -> str | None:
        assert self._process is not None
        assert self._process.poll() is None, f"TensorBoard ended at once:\n{self.output()}"
        found = READY.search(self.output())
        return found.group(1) if found else None

    def output(self) -> str:
        """Return all that it has written so far."""
        return os.pread(self._output.fileno(), 1 << 24, 0).decode(errors="replace")

    @property
    def complaints(self) -> list[str]:
        """Return the lines in which it tells of an error."""
        signs = ("Traceback", "Error", "Failed to load plugin", "Exception")
        return [line for line in self.output().splitlines() if any(s in line for s in signs)]

    def get(self, path: str) -> Any:
        """Return a JSON answer; `path` begins after the address."""
        with self.open(path) as response:
            return json.loads(response.read(), parse_constant=_no_constant)

    def open(self, path: str) -> HTTPResponse:
        response = urllib.request.urlopen(self.url + path, timeout=ANSWER_SECONDS)
        assert isinstance(response, HTTPResponse)
        return response

    def seconds(self, path: str) -> float:
        """Return how long an answer takes."""
        began = time.monotonic()
        with self.open(path) as response:
            response.read()
        return time.monotonic() - began

    def answer(self) -> dict[str, Any]:
        """Return what `./report` says once the first pass is over."""

        def probe() -> dict[str, Any] | None:
            answer: dict[str, Any] = self.get("/data/plugin/nan/report")
            return None if answer["state"] == "scanning" else answer

        return wait_for("the first pass over the files", probe)

    def runs(self, amount: int) -> list[str]:
        """Return the names of TensorBoard's own run list once it holds so many."""

        def probe() -> list[str] | None:
            names: list[str] = self.get("/data/runs")
            return names if len(names) >= amount else None

        return wait_for(f"{amount} runs in TensorBoard's own list", probe)

    def timeline(self, run: str) -> dict[str, Any]:
        timeline: dict[str, Any] = self.get(f"/data/plugin/nan/timeline?run={quote(run)}")
        return timeline


def _no_constant(name: str) -> float:
    raise AssertionError(f"a bare {name} is no JSON")
