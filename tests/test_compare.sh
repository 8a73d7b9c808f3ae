#!/usr/bin/env bash
# mlcm compare on the committed results and on documents changed by hand: what it says, what the gate does, what it
# refuses. tests/test_compare.sh [BUILD]
set -u
cd "$(dirname "$0")/.." || exit 1
mlcm=${1:-build}/mlcm
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. tests/checks.sh

table=results/bandai_small_table1.json

# changed PROGRAM NAME: the committed table with an awk program over its lines -> $folder/NAME
changed() { awk "$1" $table >"$folder/$2"; }

# says PATTERN / quiet_about PATTERN: of the last run's standard output
says() { grep -qE -- "$1" "$folder/out"; check $? "no \"$1\" in the output of the last compare"; }
quiet_about() { ! grep -qE -- "$1" "$folder/out"; check $? "\"$1\" in the output of the last compare"; }

# Multiplies every replication and mean of one metric of one row: scaled MODEL METRIC FACTOR NAME
scaled() {
    awk -v model="\"$1\"" -v metric="\"$2\"" -v f="$3" '
        /"model":/ { row = index($0, model) > 0 }
        /"name":/ { hit = row && index($0, metric ",") > 0 }
        hit && /"(mean|ci95)":/ { match($0, /[-0-9.e+]+,/); printf "%s%.17g,\n", substr($0, 1, RSTART - 1), substr($0, RSTART, RLENGTH - 1) * f; next }
        hit && /"replications":/ { match($0, /\[.*\]/); n = split(substr($0, RSTART + 1, RLENGTH - 2), v, ", ")
            printf "%s[", substr($0, 1, RSTART - 1); for (i = 1; i <= n; i++) printf "%s%.17g", (i == 1 ? "" : ", "), v[i] * f; print "]"; next }
        { print }' $table >"$folder/$4"
}

# ---- the same document ----
runs 0 compare $table $table --gate --strict
says "Nothing differs besides the numbers"
says "Replications are paired"
says "^0 better, [0-9]+ same, 0 worse, 0 changed, 0 not comparable"
says "^gate: passed"
runs 0 compare $table $table --gate --json "$folder/c.json"
grep -q '"schema":.*"mlcm-compare-1"' "$folder/c.json" && grep -q '"pass":.*true' "$folder/c.json"
check $? "the JSON document of a gate that passed"
runs 0 compare $table $table --json -
head -c 1 "$folder/out" | grep -q '{' && ! grep -q "^A " "$folder/out"
check $? "--json - prints JSON and nothing else"
runs 0 compare $table $table --quiet
[ ! -s "$folder/out" ]
check $? "--quiet prints nothing"

# ---- what got worse, better, or is tolerated ----
scaled "MLD (DDIM, 50 steps)" FID 1.1 worse.json
runs 0 compare $table "$folder/worse.json"
says "FID +0.4247 +0.4671 .*\+10.0 %.* worse"
says "^0 better, [0-9]+ same, 1 worse"
runs 1 compare $table "$folder/worse.json" --gate
grep -q "gate failed: 1 finding, the first: MLD (DDIM, 50 steps), FID: worse by" "$folder/err"
check $? "what a failed gate says"
runs 0 compare "$folder/worse.json" $table --gate
says " better$"
runs 0 compare $table "$folder/worse.json" --gate --tolerance "FID=15%"
runs 0 compare $table "$folder/worse.json" --gate --allow "MLD (DDIM, 50 steps):FID"
says "^allowed: MLD"
runs 0 compare $table "$folder/worse.json" --gate --allow "MLD (DDIM, 50 steps)"
runs 0 compare $table "$folder/worse.json" --gate --allow ":FID;nothing:KID"
says 'note: "nothing:KID" of the allow list was not needed'
runs 1 compare $table "$folder/worse.json" --gate --allow "MLD (DDIM, 50 steps):MM_dist"
runs 0 compare $table "$folder/worse.json" --gate --metrics "MM_dist;R_precision_top_3"
runs 1 compare $table "$folder/worse.json" --gate --unpaired
for test in t rank auto; do
    for correction in holm bh none; do
        runs 1 compare $table "$folder/worse.json" --gate --test $test --correction $correction
    done
done
scaled "MotionLCM (1 step)" R_precision_top_3 0.97 less.json
runs 1 compare $table "$folder/less.json" --gate
says "R_precision_top_3 .* worse"
scaled "MotionLCM (1 step)" Diversity 1.1 far.json      # away from real motions, either way
runs 1 compare $table "$folder/far.json" --gate
scaled "MotionLCM (1 step)" Diversity 0.9 far.json
runs 1 compare $table "$folder/far.json" --gate
says "Diversity .* worse"
scaled "Real" MM_dist 1.1 real.json
runs 1 compare $table "$folder/real.json" --gate
says "MM_dist .* changed"
says "agree in 20 of 40 values only"
says "fails: Real, MM_dist: real motions measure otherwise"
scaled "MotionLCM (1 step)" AITS 1.5 slow.json
runs 0 compare $table "$folder/slow.json" --gate
says "AITS .* worse"
runs 1 compare $table "$folder/slow.json" --gate --times
changed '{ sub(/"cpu":.*/, "\"cpu\": \"another\","); print }' host.json
runs 0 compare $table "$folder/host.json"
says "AITS .* not comparable: host.cpu differs"
says "FID .* same"

# ---- fingerprints, before any number ----
# stops FIELD LINES: the change makes nothing, or what is named, comparable
differs() {
    changed "$1" other.json
    runs 0 compare $table "$folder/other.json"
    grep -nE "$2" "$folder/out" | head -n 1 >"$folder/where"
    [ -s "$folder/where" ] && [ "$(cut -d: -f1 "$folder/where")" -lt "$(grep -n '^Real$' "$folder/out" | cut -d: -f1)" ]
    check $? "no \"$2\" before the numbers"
}
differs '{ sub(/b27d060c/, "00000000"); print }' "evaluator.sha256: b27d"
says "FID .* not comparable: evaluator.sha256 differs"
says "AITS .* same"
runs 1 compare $table "$folder/other.json" --gate
differs '{ sub(/d6e1bc52/, "00000000"); print }' "data.sha256"
says "AITS .* not comparable"
differs '{ sub(/"limit":.*0,/, "\"limit\": 64,"); print }' "protocol.limit: 0 . 64"
differs '{ sub(/"split":.*/, "\"split\": \"val\","); print }' "data.split"
differs '{ sub(/MotionLCM: batches of 32/, "zeros"); print }' "evaluator.padding_rule"
differs '/"interval"/ { p = 1 } { if (!p) sub(/"pool":.*32/, "\"pool\": 64"); print }' "protocol.pool: 32 . 64"
says "R_precision_top_3 .* not comparable: protocol.pool differs"
says "FID .* same"
differs '{ sub(/one permutation of all pairs/, "loader order"); print }' "protocol.pooling"
differs '{ sub(/a07abb9/, "0000000"); print }' "tool.commit"
says "^ +noted: another state of the program"
differs '{ sub(/"seeds":.*/, "\"seeds\": [4321],"); print }' "protocol.seeds: 1234 . 4321"
says "Replications are independent: the seeds differ"
changed '{ sub(/"sha256":.*"b27d.*"/, "\"sha256\": \"\""); print }' other.json
runs 0 compare $table "$folder/other.json"
says "evaluator.sha256: b27d.*not stated"
runs 0 compare $table results/bandai_small_table2.json
runs 1 compare $table results/bandai_small_table2.json --gate
says "fails: MotionLCM \(4 steps\), FID: not comparable: B lacks this row"

# ---- documents without replications, and with one ----
changed '{ sub(/"replications":.*\[.*\]/, "\"replications\": []"); print }' bare.json
runs 0 compare $table "$folder/bare.json" --gate
says "FID .* same: by mean and interval alone: B has no replications"
scaled "MLD (DDIM, 50 steps)" FID 1.2 worse.json
sed -E 's/"replications":.*\[.*\]/"replications": []/' "$folder/worse.json" >"$folder/bare.json"
runs 1 compare $table "$folder/bare.json" --gate
sed -E 's/"replications":.*\[([^,]*),.*\]/"replications": [\1]/' $table |
    awk '/"mean":/ { held = $0; next } /"ci95":/ { next } /"replications":.*\[[-0-9.]/ { match($0, /\[.*\]/)
        print "\"mean\": " substr($0, RSTART + 1, RLENGTH - 2) ", \"ci95\": 0,"; held = "" } held != "" { print held; held = "" } { print }' >"$folder/one.json"
runs 0 compare $table "$folder/one.json" --gate --strict
says "one replication, within the tolerance"

# ---- what is refused ----
refuses 2 "something is missing" compare $table
refuses 2 "no metric \"FDI\", did you mean FID" compare $table $table --tolerance "FDI=5%"
refuses 2 "use 2% for all metrics" compare $table $table --tolerance "-5%"
refuses 2 "no metric" compare $table $table --metrics "nothing"
refuses 2 "--test x" compare $table $table --test x
refuses 2 "--correction x" compare $table $table --correction x
refuses 2 "give --gate too" compare $table $table --strict
refuses 2 "level" compare $table $table --level 0
refuses 3 "results_none.json" compare $table "$folder/results_none.json"
changed '{ sub(/mlcm-results-1/, "mlcm-results-9"); print }' bad.json
refuses 3 "bad.json: schema \"mlcm-results-9\"" compare $table "$folder/bad.json"
changed '{ sub(/"mean":.*1e999/, ""); if (!n && sub(/"mean":.*/, "\"mean\": NaN,")) n = 1; print }' bad.json
refuses 3 "bad.json" compare $table "$folder/bad.json"
changed '{ if (!n && sub(/"mean":.*/, "\"mean\": 0.5,")) n = 1; print }' bad.json
refuses 3 "bad.json: rows.0: metrics.0: R_precision_top_1: mean 0.5, but its 20 replications have 0.72" compare $table "$folder/bad.json"
changed '{ sub(/"model":.*"Decoded prior"/, "\"model\": \"VAE reconstruction\""); print }' bad.json
refuses 3 "bad.json: row \"VAE reconstruction\" is there twice" compare $table "$folder/bad.json"
changed '{ if (!n && sub(/"R_precision_top_2"/, "\"R_precision_top_1\"")) n = 1; print }' bad.json
refuses 3 "bad.json: rows.0: metrics.1: R_precision_top_1 stands twice in this row" compare "$folder/bad.json" $table
head -c 20000 $table >"$folder/bad.json"
refuses 3 "bad.json" compare $table "$folder/bad.json"
changed '{ if (!n && sub(/"direction":.*"up"/, "\"direction\": \"down\"")) n = 1; print }' turned.json
runs 0 compare $table "$folder/turned.json" --all
says "R_precision_top_1 .*not comparable: A says up, B down is better"
refuses 4 "cannot write" compare $table $table --json "$folder/no/such/folder/c.json"
cp $table "$folder/kept.json"
refuses 2 "is one of the documents compared" compare $table "$folder/kept.json" --json "$folder/kept.json"
same $table "$folder/kept.json" "compare wrote over a document that it reads"
mkfifo "$folder/pipe"
refuses 2 "is a device or pipe" compare $table $table --json "$folder/pipe"
[ -p "$folder/pipe" ]
check $? "compare put a file in the place of a pipe"

finish
