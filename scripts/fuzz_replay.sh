#!/usr/bin/env bash
# Replays the seeds of the fuzz targets and mutations of them: scripts/fuzz_replay.sh BUILD [TARGET…]
# MUTATIONS (2000) of each seed. Exit code 1: a target failed; its output is shown.
set -u
build=${1:-build/asan}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- $(ls tests/fuzz/fuzz_*.c | sed 's#.*/fuzz_##; s#\.c$##')
# As malloc does: NULL when a damaged file makes the HDF5 library ask for more than there can be.
export ASAN_OPTIONS=allocator_may_return_null=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}
export LSAN_OPTIONS=suppressions=tests/fuzz/leaks.txt:print_suppressions=0${LSAN_OPTIONS:+:$LSAN_OPTIONS}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
for target in "$@"; do
    if "$build/replay_$target" --seeds "$folder/$target" >"$folder/log" 2>&1 &&
        "$build/replay_$target" --mutations "${MUTATIONS:-2000}" "$folder/$target" >"$folder/log" 2>&1; then
        printf '%-14s %s\n' "$target" "$(sed 's/^.*: //' "$folder/log" | tail -n 1)"
    else
        tail -n 60 "$folder/log"
        printf '%-14s failed\n' "$target"
        failed=1
    fi
done
exit $failed
