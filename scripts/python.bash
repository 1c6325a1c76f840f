# Sourced by scripts/test and scripts/demo: a Python, and a virtual environment made with it.

# The first Python on PATH that is new enough, python3 before the others; nothing if there is none.
find_python() {
    local name
    for name in python3 python3.{14,13,12,11,10} python; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
}

# ensure_environment FOLDER EXTRA: this checkout, installed in place with its extra, in a virtual environment in FOLDER.
# It is made once, and again when pyproject.toml is another than it was made from.
ensure_environment() {
    local folder=$1 extra=$2 python
    # One at a time: who comes later finds it made.
    if command -v flock >/dev/null; then
        exec 9>"$folder.lock"
        flock 9
    fi
    if cmp -s pyproject.toml "$folder/made-from.toml" && "$folder/bin/python" -c 'import ldshim' 2>/dev/null; then
        exec 9>&-
        return
    fi
    python=$(find_python)
    if [ -z "$python" ]; then
        echo "no Python 3.10 or later on PATH" >&2
        return 1
    fi
    echo "installing Python packages into $folder" >&2
    "$python" -m venv --clear "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[$extra]"
    cp pyproject.toml "$folder/made-from.toml"
    exec 9>&-
}
