"""Maps the folders at the top to the package `automl`; everything else is in pyproject.toml.

The repository folder itself is `automl`, and blocks/, spaces/, … are its subpackages. Every folder
below them that has an `__init__.py` is found, so a new one needs no line here.
"""

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

FOLDERS = ["blocks", "spaces", "studies", "search", "cli"]
FOUND = find_packages(include=[*FOLDERS, *(f"{folder}.*" for folder in FOLDERS)])


class BuildPy(build_py):
    """Leaves this file out, which lies in the folder of `automl` and is no module of it."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        found = super().find_package_modules(package, package_dir)
        return [module for module in found if module[:2] != ("automl", "setup")]


setup(
    packages=["automl", *(f"automl.{package}" for package in FOUND)],
    package_dir={"automl": "."},
    cmdclass={"build_py": BuildPy},
)
