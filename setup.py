"""The packages, found: the folders at the top are the subpackages of `automl`, whose own
`__init__.py` lies beside this file."""

from setuptools import find_packages, setup

FOLDERS = ["blocks", "spaces", "studies", "search", "cli"]
FOUND = find_packages(include=[*FOLDERS, *(f"{folder}.*" for folder in FOLDERS)])

setup(packages=["automl", *(f"automl.{package}" for package in FOUND)], package_dir={"automl": "."})
