#!/usr/bin/env bash
# Make one virtual environment from one locked file: setup_python.sh PYTHON FOLDER REQUIREMENTS UV_VERSION
set -euo pipefail
python=$1 folder=$2 requirements=$3 uv_version=$4

"$python" - <<'PY' || { echo "setup: Python 3.11 or newer is needed; set PYTHON=/path/to/python3" >&2; exit 1; }
import sys
sys.exit(sys.version_info < (3, 11))
PY
echo "setup: $folder from $requirements"
[ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
[ -x "$folder/bin/uv" ] || "$folder/bin/python" -m pip install -q "uv==$uv_version"
VIRTUAL_ENV="$PWD/$folder" "$folder/bin/uv" pip install -q --require-hashes -r "$requirements"
# Compiling the CDK library takes five seconds of each synth where bytecode is not kept.
"$folder/bin/python" -m compileall -q -j 0 "$folder/lib" >/dev/null || true
if [ "$requirements" = requirements.txt ]; then
    # Lifeline itself, as `pip install --editable .` makes it: one name to import, `lifeline`.
    VIRTUAL_ENV="$PWD/$folder" "$folder/bin/uv" pip install -q --no-deps --no-build-isolation --editable .
fi
