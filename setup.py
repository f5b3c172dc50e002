"""The build: which packages, which entry points, the frontend inside the wheel, and the scanner.

The scanner of event files is compiled if it can be. If not, everything is installed without it:
`analyzer.events.reference` then does the same, more slowly.

Metadata and the settings of every tool are in pyproject.toml.
"""

import shutil
import sys
from pathlib import Path

from setuptools import Command, Extension, find_packages, setup
from setuptools.command.build import build
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "frontend"))

import toolchain  # noqa: E402

WAY_OUT = "A released wheel carries the built frontend and needs no Node."


SCANNER = Path("analyzer", "events", "_scanner.pyx")
NATIVE = sorted(
    path.relative_to(HERE).as_posix() for path in HERE.glob("analyzer/events/native/*.h")
)


def extensions():
    """Return the scanner, as an extension that may fail to build; none without Cython."""
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    flags = [] if sys.platform == "win32" else ["-O3"]
    scanner = Extension(
        "analyzer.events._scanner",
        [SCANNER.as_posix()],
        include_dirs=[SCANNER.parent.as_posix()],
        depends=NATIVE,
        extra_compile_args=flags,
    )
    built = cythonize([scanner], build_dir="build")
    for extension in built:
        extension.optional = True  # which Cython does not hand on
    return built


class BuildFrontend(Command):
    """Build the frontend into the package; stop with one sentence if that cannot be done."""

    description = "build the frontend into tb_nan_plugin/static"
    user_options = []

    def initialize_options(self):
        """Nothing to choose."""

    def finalize_options(self):
        """Nothing to choose."""

    def run(self):
        """Build, unless the built files are already those of these sources."""
        try:
            toolchain.build()
        except toolchain.FrontendError as error:
            # SystemExit, and no exception of another kind: it reaches the user without a traceback.
            raise SystemExit(f"error: {error} {WAY_OUT}") from None


class Build(build):
    """The frontend first, and nothing in the wheel that an earlier build left behind."""

    sub_commands = [("build_frontend", None), *build.sub_commands]

    def run(self):
        """Build everything, then hold the result to what a wheel promises."""
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        entry = Path(self.build_lib, toolchain.ENTRY.relative_to(HERE))
        if not entry.is_file():
            raise SystemExit(f"error: The wheel would have no frontend: {entry} is missing.")


class SourceDistribution(sdist):
    """A source distribution carries the built frontend too, so installing it needs no Node."""

    def run(self):
        """Build the frontend, then collect the files."""
        self.run_command("build_frontend")
        super().run()


setup(
    ext_modules=extensions(),
    packages=find_packages(include=["tb_nan_plugin", "tb_nan_plugin.*", "analyzer", "analyzer.*"]),
    package_data={
        "tb_nan_plugin": ["py.typed", "static/**"],
        "analyzer": ["py.typed", "reporters/*.css"],
    },
    include_package_data=False,  # the line above says it all; MANIFEST.in is for the sdist
    entry_points={
        "console_scripts": ["tb-nan = analyzer.cli:main"],
        "tensorboard_plugins": ["nan = tb_nan_plugin.plugin:NaNPluginLoader"],
    },
    # Asked for only by a build that must run Node where there is none: the build backend hands it
    # to pip (PEP 517, get_requires_for_build_*). A list in pyproject.toml cannot depend on that.
    setup_requires=toolchain.requirements(),
    cmdclass={"build": Build, "build_frontend": BuildFrontend, "sdist": SourceDistribution},
)
