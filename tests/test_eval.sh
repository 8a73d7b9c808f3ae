#!/usr/bin/env bash
# mlcm eval on motions that bench exports from a tiny set: the same figures come back, by features and by joints;
# captions, repeats, folders as replications; what is refused. tests/test_eval.sh [BUILD]
set -u
cd "$(dirname "$0")/.." || exit 1
mlcm=${1:-build}/mlcm
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. tests/checks.sh

set=$folder/set.h5
experiment=$folder/micro.json
sed -e "s#SET.h5#$set#" tests/chain_micro.json >"$experiment"

runs 0 data build --source procedural --clips 240 --out "$set" --quiet
runs 0 bench --config "$experiment" --cache "$folder/cache" --out "$folder/bench" --replications 1 --no-timing --strips 0 \
    --export "$folder/motions" --quiet
[ "$(find "$folder/motions" -mindepth 1 -maxdepth 1 | wc -l)" = 6 ] && [ -s "$folder/motions/Real/$(ls "$folder/motions/Real" | head -n 1)" ]
check $? "bench --export: a folder a row"

# eval with the experiment; DIR … first
evaluate() { runs 0 eval --config "$experiment" --cache "$folder/cache" --quiet --json "$folder/e.json" --out "$folder/e" "$@"; }
# value FILE ROW METRIC: the mean in a table.csv
value() { awk -F, -v row="$2" -v metric="$3" '{ gsub(/"/, "") } $1 == row && $3 == metric { print $6 }' "$1"; }
# near A B TOLERANCE WHAT: relative, or absolute below 1e-6
near() {
    awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN { d = a - b; if (d < 0) d = -d; s = b < 0 ? -b : b; exit !(a != "" && b != "" && (d <= t * s || d < 1e-6)) }'
    check $? "$4: $1 and $2"
}

# ---- bench's own motions give bench's own figures ----
table=$folder/bench/table.csv
evaluate --motions "$folder/motions/Real" --replications 1
for metric in R_precision_top_1 R_precision_top_2 R_precision_top_3 MM_dist Diversity; do
    near "$(value "$folder/e/table.csv" "Real (given)" $metric)" "$(value $table Real $metric)" 1e-5 "real motions given: $metric"
    near "$(value "$folder/e/table.csv" Real $metric)" "$(value $table Real $metric)" 1e-9 "the row of real motions: $metric"
done
near "$(value "$folder/e/table.csv" "Real (given)" FID)" 0 1e-6 "FID of real motions against themselves"
for model in "VAE reconstruction" "MotionLCM (1 step)" "MLD (DDIM, 5 steps)"; do
    dir=$folder/motions/$(echo "$model" | sed 's/[^A-Za-z0-9]\+/_/g; s/_$//')
    evaluate --motions "$dir" --replications 1 --name "$model"
    row=$(echo "$model" | tr -d ,)
    sed -i "s/MLD (DDIM, 5 steps)/MLD (DDIM 5 steps)/" "$folder/e/table.csv" $table
    for metric in R_precision_top_1 R_precision_top_3 R_precision_any_top_2 FID KID MM_dist Diversity; do
        near "$(value "$folder/e/table.csv" "$row" $metric)" "$(value $table "$row" $metric)" 2e-4 "$model through files: $metric"
    done
done
runs 0 compare "$folder/bench/chain_micro.json" "$folder/e.json" --gate --allow "VAE reconstruction;Decoded prior;MotionLCM (1 step);MotionLCM (4 steps);:MultiModality"
grep -q "MLD (DDIM, 5 steps)" "$folder/out" && ! grep -q "^fails" "$folder/out"
check $? "compare reads the document of eval"
runs 0 report "$folder/e" --out "$folder/report"

# ---- through joints ----
mkdir "$folder/joints"
for f in "$folder"/motions/Real/*.npy; do
    "$mlcm" data joints --features "$f" --out "$folder/joints/$(basename "$f")" >/dev/null || check 1 "data joints $f"
    cp "${f%.npy}.txt" "$folder/joints/"
done
evaluate --motions "$folder/joints" --replications 1
grep -q "Features of all motions were made of their joints" "$folder/e.json"
check $? "a note about joints"
awk -v a="$(value "$folder/e/table.csv" joints FID)" -v b="$(value $table "Decoded prior" FID)" 'BEGIN { exit !(a < 0.05 * b) }'
check $? "FID of real motions through joints $(value "$folder/e/table.csv" joints FID), of the prior $(value $table "Decoded prior" FID)"
near "$(value "$folder/e/table.csv" joints R_precision_top_3)" "$(value $table Real R_precision_top_3)" 0.05 "R@3 through joints"

# ---- several motions a caption, several folders, captions from a file, none at all ----
mkdir "$folder/many" "$folder/bare" "$folder/renamed"
n=0
for f in "$folder"/motions/MotionLCM_1_step/*.npy; do
    name=$(basename "$f" .npy)
    cp "$f" "$folder/many/${name}_0.npy"
    cp "$folder/motions/MLD_DDIM_5_steps/$name.npy" "$folder/many/${name}_1.npy"
    cp "$folder/motions/VAE_reconstruction/$name.npy" "$folder/many/${name}_2.npy"
    cp "${f%.npy}.txt" "$folder/many/"
    cp "$f" "$folder/bare/"
    cp "$f" "$folder/renamed/sample$n.npy"
    printf 'sample%d\t%s\n' $n "$(cut -d'#' -f1 "${f%.npy}.txt")" >>"$folder/captions.tsv"
    n=$((n + 1))
done
evaluate --motions "$folder/many" --replications 3
awk -v a="$(value "$folder/e/table.csv" many MultiModality)" 'BEGIN { exit !(a > 0) }'
check $? "MultiModality of three motions a caption: $(grep MultiM "$folder/e/table.csv")"
grep -q "MultiModality of 3 motions a caption instead of 4" "$folder/e.json"
check $? "a note about few motions a caption"
grep -q "replication k measures the k-th of each" "$folder/e.json"
check $? "a note about repeats"
evaluate --motions "$folder/bare" --replications 2
grep -q "came without a caption" "$folder/e.json"
check $? "a note about captions that were not said"
evaluate --motions "$folder/renamed" --captions "$folder/captions.tsv" --replications 2
evaluate --motions "$folder/motions/MotionLCM_1_step" "$folder/motions/MLD_DDIM_5_steps" "$folder/motions/MotionLCM_1_step"
grep -q "3 folders of motions: replication k measures the k-th" "$folder/e.json" && grep -q '"replications":.*3,' "$folder/e.json"
check $? "folders as replications"
cp "$folder/e.json" "$folder/once.json"
evaluate --motions "$folder/motions/MotionLCM_1_step" "$folder/motions/MLD_DDIM_5_steps" "$folder/motions/MotionLCM_1_step" --threads 1
for f in once e; do grep '"replications":.*\[' "$folder/$f.json" >"$folder/$f.rows"; done
same "$folder/once.rows" "$folder/e.rows" "the same figures with one thread"
evaluator=$(compgen -G "$folder/cache/evaluator-????????????????.h5")
runs 0 eval --motions "$folder/motions/Real" --data "$set" --evaluator "$evaluator" --pool 8 --replications 1 --quiet --json "$folder/plain.json"
grep -q '"evaluator_file"' "$folder/plain.json"
check $? "eval without an experiment"
grep -q "\"name\":.*\"given $(basename "$evaluator"), embedding" "$folder/plain.json"
check $? "the document names the evaluator that was given: $(grep embedding "$folder/plain.json")"

# ---- options instead of the experiment's words: other draws, the same evaluator ----
evaluate --motions "$folder/motions/Real" --replications 1 --seed 77 --pool 10
[ "$(compgen -G "$folder/cache/evaluator-????????????????.h5" | wc -l)" = 1 ]
check $? "--seed trains another evaluator"
grep -q "\"name\":.*\"trained on procedural, embedding" "$folder/e.json"
check $? "the experiment's evaluator by its name"
grep -Eq '"seed":[[:space:]]*77,?$' "$folder/e.json" && [ "$(grep -Ec '"pool":[[:space:]]*10,?$' "$folder/e.json")" = 2 ]
check $? "the resolved experiment has --seed and --pool: $(grep -E '"(seed|pool)"' "$folder/e.json")"

# ---- what is refused ----
broken=$folder/broken
first=$(basename "$(ls "$folder"/motions/Real/*.npy | head -n 1)" .npy)
start_broken() { rm -rf "$broken"; cp -r "$folder/motions/Real" "$broken"; }
common=(--config "$experiment" --cache "$folder/cache" --quiet --json "$folder/result.json")
refuses 2 "a folder of motions is needed" eval "${common[@]}"
refuses 2 "an experiment is needed" eval --motions "$folder/motions/Real"
refuses 3 "nowhere: cannot list" eval --motions "$folder/nowhere" "${common[@]}"
mkdir "$folder/empty"
refuses 3 "holds no .npy file" eval --motions "$folder/empty" "${common[@]}"
start_broken; head -c 500 "$broken/$first.npy" >"$folder/cut" && mv "$folder/cut" "$broken/$first.npy"
refuses 3 "$first.npy: not a usable .npy array" eval --motions "$broken" "${common[@]}"
start_broken; mv "$broken/$first.npy" "$broken/no_such_clip.npy"
refuses 3 "no_such_clip: no clip of the set has this name" eval --motions "$broken" "${common[@]}"
start_broken; mv "$broken/$first.npy" "$broken/no_such_clip.npy"; echo "a caption that no clip has" >"$broken/no_such_clip.txt"
refuses 3 "take captions of the split" eval --motions "$broken" "${common[@]}"
start_broken; echo "a caption that no clip has" >"$broken/$first.txt"
refuses 3 "is none of the captions of clip" eval --motions "$broken" "${common[@]}"
start_broken; cp "$broken/$first.npy" "$broken/${first}_0.npy"
refuses 3 "are the same motion of one caption" eval --motions "$broken" "${common[@]}"
start_broken; : >"$broken/$first.txt"
refuses 3 "its first line is no caption" eval --motions "$broken" "${common[@]}"
start_broken; rm "$broken/$first.npy"
refuses 3 "must hold the same clips" eval --motions "$folder/motions/Real" "$broken" "${common[@]}"
refuses 3 "features are bound to" eval --motions "$folder/motions/Real" --fps 30 "${common[@]}"
refuses 3 "no tab between name and caption" eval --motions "$folder/bare" --captions "$experiment" "${common[@]}"
refuses 3 "split|empty" eval --motions "$folder/motions/Real" --split val "${common[@]}"
mkdir "$folder/few"; cp "$folder/motions/Real/$first".* "$folder/few/"
refuses 3 "few: 1 motions do not fill one pool of 8" eval --motions "$folder/few" "${common[@]}"

finish
