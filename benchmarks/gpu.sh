#!/usr/bin/env bash
# Checks and measures training on a GPU: bash benchmarks/gpu.sh [--dry-run] [IMAGES.npz]
#
# It needs Python with PyTorch, timm, NumPy, Pillow and PyYAML; automl itself need not be installed.
# The page goes to $OUT/gpu.md, or to benchmarks/results/gpu.md. PYTHON names the interpreter.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
# The package laid out as it installs, but `search` without its own module, which needs a database.
package=$(mktemp -d)
trap 'rm -rf "$package"' EXIT
mkdir -p "$package/automl/search"
touch "$package/automl/__init__.py" "$package/automl/search/__init__.py"
for folder in blocks spaces studies search/data search/training; do
    ln -s "$root/$folder" "$package/automl/$folder"
done
PYTHONPATH="$package:$here${PYTHONPATH:+:$PYTHONPATH}" "${PYTHON:-python3}" "$here/gpu_report.py" "$@"
