#!/usr/bin/env bash
# scripts/on_device.sh: without a GPU all steps are skipped and the exit code is 4; with one (a program in mlcm's place that
# says so) a step that fails, takes too long or lacks something stops no other, and the summary tells which.
set -u
build=${1:-build}
mlcm=$build/mlcm
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. tests/checks.sh
here=$PWD
[[ $mlcm = /* ]] || mlcm=$here/$mlcm
mkdir "$folder/place" "$folder/fake" "$folder/golden" "$folder/bandai"

# on CODE WORD…: the script in a folder of its own, under the environment given before.
on() {
    local code=$1 got
    shift
    (cd "$folder/place" && "$here/scripts/on_device.sh" "$@") >"$folder/out" 2>"$folder/err" </dev/null
    got=$?
    [ "$got" = "$code" ]
    check $? "on_device.sh $*: exit code $got, not $code: $(tail -n 2 "$folder/out" "$folder/err")"
}
# says PATTERN: a line of the summary in $folder/results.
says() {
    grep -qE "$1" "$folder/results/summary.txt"
    check $? "no \"$1\" in the summary: $(cat "$folder/results/summary.txt")"
}

on 2
on 2 --help
if "$mlcm" --version | grep -q '^GPU none'; then
    MLCM=$mlcm on 4 "$folder/results" "$folder/fake"
    says '^0 passed, 0 failed, 9 skipped$'
    says '^table1 +skipped +0 s  no GPU answers'
    grep -q '^mlcm: no GPU answers' "$folder/err"
    check $? "standard error does not say that no GPU answers"
else
    skip "what is said without a GPU: there is one"
fi
MLCM=$folder/absent PATH=/usr/bin:/bin on 4 "$folder/results" "$folder/fake"
says '^device +skipped .*absent does not start'

cat >"$folder/fake/mlcm" <<'END'
#!/usr/bin/env bash
case "$*" in
--version) sleep "${SLOW:-0}"; echo "GPU a card that is not there" ;;
verify*) echo "1 passed, 2 failed, 0 skipped"; exit 1 ;;
*tuning*) sleep 30 ;;
"data build"*bandai*) mkdir -p build && touch build/bandai.h5 ;;
bench*) echo "a table on $MLCM_DEVICE" ;;
esac
END
printf '#!/bin/sh\necho "[  PASSED  ] 5 test(s)."\n' >"$folder/fake/test_ops"
chmod +x "$folder/fake/mlcm" "$folder/fake/test_ops"
export GOLDEN=$folder/golden BANDAI=$folder/bandai
GOLDEN=$folder/absent BANDAI=$folder/absent ONLY="device verify table1" on 0 "$folder/results" "$folder/fake"
says '^device +passed'
says '^verify +skipped +0 s  no conformance cases'
says '^table1 +skipped .*the recordings in'
says '^1 passed, 0 failed, 2 skipped$'
ONLY="ops verify aits table1" on 1 "$folder/results" "$folder/fake"
says '^ops +passed'
says '^verify +failed .*exit code 1: 1 passed, 2 failed, 0 skipped$'
says '^aits +passed'
says '^table1 +passed .*a table on cuda$'
says '^3 passed, 1 failed, 0 skipped$'
BUDGET=8 ONLY="tuning" on 1 "$folder/results" "$folder/fake"
says '^tuning +failed +[0-9]+ s  took longer than [0-9] s'
printf '#!/bin/sh\necho "[  SKIPPED ] test_cuda"\n' >"$folder/fake/test_ops"
ONLY="ops" on 1 "$folder/results" "$folder/fake"
says '^ops +failed'
SLOW=2 BUDGET=1 ONLY="ops table1" on 0 "$folder/results" "$folder/fake"
says '^table1 +skipped .*the budget of 1 s is used up'
finish
