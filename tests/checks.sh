# For the tests that are shell scripts: counts, and what a run of mlcm must do.
# The script that reads this file has set `mlcm` and `folder`, its own temporary folder.
passed=0 failed=0 skipped=0
export OMP_WAIT_POLICY=passive

# check STATUS WHAT: counts a check; WHAT says what is wrong when it fails.
check() {
    if [ "$1" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "fail: $2"; fi
}

skip() {
    skipped=$((skipped + 1))
    echo "skip: $1"
}

# runs CODE WORD…: mlcm with the words must end with exit code CODE. Its output
# stays in $folder/out and $folder/err.
runs() {
    local code=$1 got
    shift
    "$mlcm" "$@" >"$folder/out" 2>"$folder/err" </dev/null
    got=$?
    [ "$got" = "$code" ]
    check $? "exit code $got, not $code: mlcm $*: $(head -n 3 "$folder/err")"
    [ "$got" = "$code" ]
}

# refuses CODE PATTERN WORD…: mlcm with the words must end with exit code CODE and one line
# on standard error, which begins with "mlcm: " and matches the extended regular expression,
# and must leave $folder/result and everything like it unwritten.
refuses() {
    local code=$1 pattern=$2 got why=""
    shift 2
    "$mlcm" "$@" >"$folder/out" 2>"$folder/err" </dev/null
    got=$?
    [ "$got" = "$code" ] || why="exit code $got, not $code"
    [ "$(wc -l <"$folder/err")" = 1 ] && grep -q '^mlcm: ' "$folder/err" || why="$why; not one line of error"
    grep -qE -- "$pattern" "$folder/err" || why="$why; no \"$pattern\" in it"
    compgen -G "$folder/result*" >/dev/null && why="$why; wrote $(compgen -G "$folder/result*")"
    rm -rf "$folder"/result*
    [ -z "$why" ]
    check $? "mlcm $*: $why: $(head -c 1000 "$folder/err")"
}

# same FILE OTHER WHAT: both are there and are equal byte for byte.
same() {
    [ -s "$1" ] && cmp -s "$1" "$2"
    check $? "$3"
}

finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
}

if ! "$mlcm" --version >/dev/null; then
    check 1 "$mlcm does not start"
    finish
    exit 1
fi
