"""What is taken from TensorBoard's private modules, with them and without them."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from tensorboard.plugins.base_plugin import TBContext
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from tb_nan_plugin import _tbcompat

INGESTER = "tensorboard.backend.event_processing.data_ingester"
HTTP_UTIL = "tensorboard.backend.http_util"


@pytest.fixture(params=["with TensorBoard's private modules", "without them"])
def private_modules(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without them":
        for name in (INGESTER, HTTP_UTIL):
            package, _, module = name.rpartition(".")
            monkeypatch.setitem(sys.modules, name, None)
            monkeypatch.delattr(sys.modules.get(package, object()), module, raising=False)


def context(log_dir: str = "", specification: str = "") -> Any:
    return TBContext(logdir=log_dir, flags=argparse.Namespace(logdir_spec=specification))


def test_a_relative_log_directory_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert _tbcompat.roots(context("logs")) == [("", str(tmp_path / "logs"))]


def test_the_home_directorys_sign_is_expanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert _tbcompat.roots(context("~/logs")) == [("", str(tmp_path / "logs"))]


def test_an_address_of_a_remote_file_system_is_left_as_it_is() -> None:
    assert _tbcompat.roots(context("gs://bucket/logs")) == [("", "gs://bucket/logs")]


def test_a_context_without_flags_has_its_log_directory() -> None:
    assert _tbcompat.roots(TBContext(logdir="/logs")) == [("", "/logs")]


def test_a_server_that_reads_from_elsewhere_has_no_log_directory() -> None:
    assert _tbcompat.roots(context()) == []


@pytest.mark.usefixtures("private_modules")
def test_each_directory_of_a_specification_has_its_name(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    real_one, real_two = os.path.realpath(one), os.path.realpath(two)

    roots = _tbcompat.roots(context(specification=f"a:{one},b:{two}"))

    assert roots == [("a", real_one), ("b", real_two)]


@pytest.mark.usefixtures("private_modules")
def test_a_directory_of_a_specification_may_go_without_a_name(tmp_path: Path) -> None:
    directory = os.path.realpath(tmp_path)

    assert _tbcompat.roots(context(specification=directory)) == [("", directory)]


@pytest.mark.usefixtures("private_modules")
def test_every_answer_says_what_it_is_and_that_it_must_not_be_guessed() -> None:
    request = Request(EnvironBuilder(path="/x").get_environ())

    response = _tbcompat.respond(request, '{"a": 1}', "application/json", code=404)

    assert response.status_code == 404
    assert response.mimetype == "application/json"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-cache" in response.headers["Cache-Control"]
    assert response.get_data() == b'{"a": 1}'
