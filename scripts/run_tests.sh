#!/usr/bin/env bash
# Runs every test of a build folder: scripts/run_tests.sh [BUILD]
#
# A line a test program with its counts, the whole output of one that fails,
# then conformance against ../shared/golden where that is, and at the end
# "N passed, M failed, K skipped" summed over everything. MLCM_GOLDEN names
# another folder of reference cases. Exit code 0: nothing failed.
set -u
build=${1:-build}
golden=${MLCM_GOLDEN:-../shared/golden}
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Sums the numbers before a word in cmocka's "[  PASSED  ] 3 test(s)" lines.
cmocka_count() {
    sed -n "s/^\[  $1 *\] \([0-9]*\) test(s).*/\1/p" "$log" | awk '{n += $1} END {print n + 0}'
}

# Sets p, f, s from the last line "N passed, M failed, K skipped"; 1 if it lacks.
summary_counts() {
    local line
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -n 1)
    [ -n "$line" ] || return 1
    read -r p _ f _ s _ <<<"$line"
}

# Reports one program: its name, exit code, seconds, and whether to show all.
tell() {
    local name=$1 code=$2 seconds=$3
    # A program that died or failed without saying which test is a failure.
    [ "$code" = 0 ] || [ "$f" -gt 0 ] || f=1
    if [ "$code" = 0 ] && [ $((p + f + s)) = 0 ]; then
        echo "$name: ran no test" >>"$log"
        f=1
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    [ "$f" = 0 ] || cat "$log"
    printf '%-32s %4d passed %3d failed %3d skipped  %3d s\n' "$name" "$p" "$f" "$s" "$seconds"
    [ "$f" != 0 ] || grep -h '^skip: ' "$log" | sort -u | sed 's/^/    /'
}

for source in tests/test_*.c; do
    [ -e "$source" ] || continue
    name=$(basename "$source" .c)
    start=$SECONDS
    "$build/$name" >"$log" 2>&1 </dev/null
    code=$?
    p=$(cmocka_count PASSED) f=$(cmocka_count FAILED) s=$(cmocka_count SKIPPED)
    tell "$name" "$code" $((SECONDS - start))
done

for script in tests/test_*.sh; do
    [ -e "$script" ] || continue
    start=$SECONDS
    bash "$script" "$build" >"$log" 2>&1 </dev/null
    code=$?
    p=0 f=0 s=0
    summary_counts
    tell "$(basename "$script" .sh)" "$code" $((SECONDS - start))
done

if [ -d "$golden" ]; then
    start=$SECONDS
    "$build/mlcm" verify --quiet "$golden" >"$log" 2>&1 </dev/null
    code=$?
    p=0 f=0 s=0
    summary_counts
    tell "mlcm verify" "$code" $((SECONDS - start))
    grep '^skipped: ' "$log" | fold -s -w 96 | sed 's/^/    /'
else
    echo "skip: $golden not here: no conformance run"
    skipped=$((skipped + 1))
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
