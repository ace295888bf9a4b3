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
VIRTUAL_ENV="$PWD/$folder" "$folder/bin/uv" pip install -q -r "$requirements"
# Compiling the CDK library takes five seconds of each synth where bytecode is not kept.
"$folder/bin/python" -m compileall -q -j 0 "$folder/lib" >/dev/null || true
if [ "$requirements" = requirements.txt ]; then
    # The import roots: a folder is imported by what stands in it, without a package of our own name.
    site=$("$folder/bin/python" -c 'import site; print(site.getsitepackages()[0])')
    printf '%s\n' "$PWD" "$PWD/constructs" "$PWD/lambdas" "$PWD/services" > "$site/lifeline-paths.pth"
fi
