#!/usr/bin/env bash
# Fuzzes the readers of files: scripts/fuzz_all.sh SECONDS [TARGET…]
#
# JOBS targets at a time (default: the number of cores); `make fuzz` has built them. A line a
# target: runs, runs a second, edges covered, result. What was found lies in
# build/fuzz/found/TARGET, new inputs that reach more code in build/fuzz/corpus/TARGET.
# Exit code 1: something was found.
#
# HDF5 files are read by the HDF5 library, whose own crashes on damaged files are known and are not
# ours: its target runs in child processes, and only findings with our code on top of the
# stack count.
set -u
seconds=${1:?scripts/fuzz_all.sh SECONDS [TARGET…]}
shift
[ $# -gt 0 ] || set -- $(ls tests/fuzz/fuzz_*.c | sed 's#.*/fuzz_##; s#\.c$##')
build=build/fuzz
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
export LSAN_OPTIONS=suppressions=tests/fuzz/leaks.txt:print_suppressions=0

# The first function of the stack that is neither the sanitizer's nor the C library's.
is_ours() {
    grep -E '^ +#[0-9]+ ' "$1" | grep -vE '__interceptor|__asan|__sanitizer|__ubsan|libc\.so|fuzzer::' |
        head -n 1 | grep -qE '/(engine|datasets|bench|tests)/[a-z0-9_/]+\.c'
}

fuzz_one() {
    local target=$1 found=$build/found/$1 corpus=$build/corpus/$1 log=$build/log/$1 options="" result=clean count foreign=0
    mkdir -p "$found" "$corpus" "$build/log"
    rm -f "$found"/*
    if ! "$build/fuzz_$target" --seeds "$corpus" >"$log" 2>&1; then
        printf '%-14s cannot make its seeds: %s\n' "$target" "$(tail -n 1 "$log")"
        return 1
    fi
    rm -f "$corpus"/.[a-z]*
    [ "$target" = h5 ] && options="-fork=1 -ignore_crashes=1 -ignore_ooms=1 -ignore_timeouts=1"
    nice -n 15 "$build/fuzz_$target" $options -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 \
        -malloc_limit_mb=1024 -print_final_stats=1 -artifact_prefix="$found/" "$corpus" >"$log" 2>&1
    for input in "$found"/*; do
        [ -e "$input" ] || continue
        if [ "$target" = h5 ]; then
            "$build/fuzz_$target" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024 "$input" >"$input.log" 2>&1
            if ! is_ours "$input.log"; then
                foreign=$((foreign + 1))
                continue
            fi
        fi
        result="FOUND $input"
    done
    [ "$foreign" = 0 ] || result="$result ($foreign inside the HDF5 library)"
    grep -qE '^Done [0-9]+ runs|fuzzing was interrupted|INFO: fuzzed for|^INFO: exiting' "$log" || [ "$result" != clean ] ||
        result="FOUND nothing, but it ended: $(tail -n 1 "$log" | cut -c 1-100)"
    count=$(grep -oE '^#[0-9]+' "$log" | tail -n 1 | tr -d '#')
    printf '%-14s %10s runs %7s a second %6s edges  %s\n' "$target" "${count:-0}" "$((${count:-0} / seconds))" \
        "$(grep -oE 'cov: [0-9]+' "$log" | tail -n 1 | cut -c 6-)" "$result"
    case $result in clean*) return 0 ;; esac
    return 1
}

failed=0 running=0
for target in "$@"; do
    if [ "$running" -ge "${JOBS:-$(nproc)}" ]; then
        wait -n || failed=1
        running=$((running - 1))
    fi
    fuzz_one "$target" &
    running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
    wait -n || failed=1
    running=$((running - 1))
done
exit $failed
