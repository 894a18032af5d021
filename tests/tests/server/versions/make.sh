#!/bin/bash
# Writes the databases that a version of the program leaves behind, for the test that opens them with
# the next: make.sh PROGRAM NUMBER, NUMBER being its last migration's. Needs sqlite3, curl, Python and a
# PostgreSQL that RRLAB_DATABASE_URL names, with an empty database.
set -e
program=$1 number=$2 here=$(dirname "$(realpath "$0")")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 - "$folder/noise.tar.gz" <<'PYTHON'
# The data set of `small_dataset` in tests/src/lab.rs.
import io, sys, tarfile
state = 1
def noise():
    global state
    state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
    return state >> 24
def records(count):
    return b"".join(
        bytes([index % 10]) + bytes(noise() // 2 + index % 10 * 12 for _ in range(3072))
        for index in range(count))
with tarfile.open(sys.argv[1], "w:gz") as archive:
    for name, count in [("data_batch_1.bin", 160), ("test_batch.bin", 60)]:
        content = records(count)
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
PYTHON

lab() { "$program" --data-dir "$folder/$kind" --device cpu "$@"; }

fill() {
    "$program" --data-dir "$folder/$kind" serve --no-worker --hosted --port 7991 >/dev/null 2>&1 &
    server=$!
    until curl -sf http://127.0.0.1:7991/healthz >/dev/null; do sleep 0.2; done
    lab user add ann >/dev/null 2>&1
    lab user add root --role admin >/dev/null 2>&1
    token=$(lab token create ann --label laptop 2>/dev/null)
    ask() { curl -sf -H "Authorization: Bearer $token" "http://127.0.0.1:7991/api/v1/$1" "${@:2}" >/dev/null; }
    ask "artifacts?kind=model&name=plain" --data-binary "@$here/../../../../frontend/gallery/resnet8-shapes10.safetensors"
    ask "artifacts?kind=dataset&name=noise" --data-binary "@$folder/noise.tar.gz"
    evaluate='{"kind": "evaluate", "model": 1, "dataset": {"stored": 2}, "images": 60, "seed": 4}'
    # One that is done and shown by a link, one that waits, one that was cancelled and forgotten.
    ask jobs --json "$evaluate"
    lab worker --once 2>/dev/null
    ask jobs/1/shares -X POST
    ask jobs --json "$evaluate"
    ask jobs --json '{"kind": "train", "dataset": "shapes10", "plan": {"epochs": 1}}'
    ask jobs/3/cancel -X POST
    ask jobs/3 -X DELETE
    kill -TERM $server
    wait $server
    echo "-- The token of ann: $token"
    echo "-- The object store's mark: $(cat "$folder/$kind/artifacts/rrlab/lab.json")"
}

kind=postgres
{ fill; pg_dump --no-owner --inserts "$RRLAB_DATABASE_URL"; } > "$here/$number.postgres.sql"
unset RRLAB_DATABASE_URL
kind=sqlite
{ fill; sqlite3 "$folder/sqlite/lab.sqlite" .dump; } > "$here/$number.sqlite.sql"
