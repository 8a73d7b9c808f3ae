#!/usr/bin/env bash
# The program as its users meet it: exit codes, one-line errors, help, version.
set -u
build=${1:-build}
mlcm=$build/mlcm
passed=0 failed=0 skipped=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# expect CODE WHERE PATTERN WORD…: runs mlcm with the words; its exit code must
# be CODE and WHERE (out or err) must match the extended regular expression. An
# error must be one line on standard error that starts with "mlcm: ".
expect() {
    local code=$1 where=$2 pattern=$3 got why=""
    shift 3
    "$mlcm" "$@" >"$folder/out" 2>"$folder/err" </dev/null
    got=$?
    [ "$got" = "$code" ] || why="exit code $got, not $code"
    grep -qE -- "$pattern" "$folder/$where" || why="$why; no \"$pattern\" in std$where"
    if [ "$code" -ge 2 ] && [ "$#" -gt 0 ]; then
        [ "$(wc -l <"$folder/err")" = 1 ] && grep -q '^mlcm: ' "$folder/err" ||
            why="$why; the error is not one line that starts with mlcm:"
    fi
    if [ -z "$why" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "fail: mlcm $*: $why"
        head -n 5 "$folder/out" "$folder/err"
    fi
}

# check STATUS WHAT: a check that is not a single run.
check() {
    if [ "$1" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "fail: $2"; fi
}

# Help, version, verbs
expect 2 err 'mlcm verify'
expect 0 out '^  mlcm verify ' --help
expect 0 out '^  mlcm verify ' help
expect 0 out '^mlcm [0-9]+\.[0-9]+\.[0-9]+, commit ([0-9a-f]+|unknown)' --version
expect 0 out '^OpenBLAS [0-9.]+, [A-Za-z0-9]+ kernels$' --version
expect 2 err 'did you mean verify\?' verfy
expect 2 err 'unknown verb "xylophone"' xylophone
expect 2 err 'unknown verb' ''
expect 2 err 'unknown verb' help xylophone
for verb in $("$mlcm" --help | sed -n 's/^  mlcm \([a-z]*\) .*/\1/p'); do
    expect 0 out '^example: mlcm '"$verb" "$verb" --help
    expect 0 out '^example: mlcm '"$verb" help "$verb"
    expect 2 err '--no-such-option' "$verb" --no-such-option
done

# Obvious mistakes
expect 0 err '3 texts of one word each' generate a person walks --frames 60 -o "$folder/walk.npy"
expect 0 out 'experiment, for mlcm bench' info bench/experiments/bandai_tiny.json

# Files: missing, empty, of another kind
expect 2 err 'usage: mlcm verify' verify
expect 3 err 'no/such/folder' verify no/such/folder
mkdir "$folder/empty"
expect 3 err 'no case' verify "$folder/empty"
: >"$folder/schedules_0.h5"
expect 1 out 'schedules_0 +fail: ' verify "$folder/schedules_0.h5"
printf '<!DOCTYPE html>' >"$folder/vae_1.h5"
expect 1 out '^0 passed, 2 failed, 0 skipped$' verify "$folder"
expect 1 out '"failed":[[:space:]]*2' verify "$folder" --json -
expect 1 out '^0 passed, 1 failed' verify "$folder/vae_1.h5" --json "$folder/report.json"
grep -q '"schema"' "$folder/report.json"
check $? "verify --json wrote no document"
expect 4 err 'no-such-folder' verify "$folder/vae_1.h5" --json "$folder/no-such-folder/report.json"

# Standard output that cannot be written
if [ -w /dev/full ]; then
    "$mlcm" --help >/dev/full 2>"$folder/err"
    [ $? = 4 ] && grep -q 'standard output' "$folder/err"
    check $? "a full disk under standard output goes unnoticed"
fi

# The choice of kernels: the user's word holds, and no endless restart without it
[ "$(OPENBLAS_CORETYPE=Haswell "$mlcm" --version | grep -c 'Haswell kernels')" = 1 ]
check $? "OPENBLAS_CORETYPE=Haswell is not honoured"
timeout 20 env -u OPENBLAS_CORETYPE "$mlcm" --version >/dev/null
check $? "mlcm does not start without OPENBLAS_CORETYPE"

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
