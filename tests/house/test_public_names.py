"""Names that are promises: what the packages say they offer is there."""

import importlib
from importlib.metadata import entry_points

import pytest

PACKAGES = ["analyzer", "tb_nan_plugin"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_promised_name_is_there_and_is_listed(package: str) -> None:
    module = importlib.import_module(package)
    promised = module.__all__
    assert len(promised) == len(set(promised))
    assert [name for name in promised if not hasattr(module, name)] == []
    assert set(promised) <= set(dir(module))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_that_was_never_promised_is_an_attribute_error(package: str) -> None:
    module = importlib.import_module(package)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = module.no_such_name


def test_the_first_lines_of_the_manual_hold() -> None:
    assert "analyze" in importlib.import_module("analyzer").__all__
    assert "NaNMonitor" in importlib.import_module("tb_nan_plugin").__all__


@pytest.mark.parametrize(
    ("group", "name", "target"),
    [
        ("console_scripts", "tb-nan", "analyzer.cli:main"),
        ("tensorboard_plugins", "nan", "tb_nan_plugin.plugin:NaNPluginLoader"),
    ],
)
def test_every_entry_point_can_be_loaded(group: str, name: str, target: str) -> None:
    found = [point for point in entry_points(group=group, name=name) if point.value == target]
    assert found, "the package is not installed in this environment: make setup"
    assert callable(found[0].load())
