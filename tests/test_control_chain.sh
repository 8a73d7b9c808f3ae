#!/usr/bin/env bash
# Motion control through the program, on a tiny set: the ControlNets' stages, which must not depend
# on threads or on where a run was stopped, and the table with every controlled system.
set -u
build=${1:-build}
mlcm=$build/mlcm
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. tests/checks.sh

set=$folder/set.h5
plan='"steps": 60, "warmup": 5, "batch": 16, "piece": 4, "rate": 0.001, "w_low": 1, "w_high": 5, "embedding_width": 16, "tuning_steps": 8'
models='{"name": "MLD, told", "system": "mld_control", "steps": 4}, {"name": "MotionLCM, told", "system": "motionlcm_control", "steps": 1}, {"name": "MotionLCM, tuned", "system": "motionlcm_tuning"},'

# experiment_with FILE MORE SED: the tiny chain with a section "control" that holds MORE.
experiment_with() {
    sed -e "s#SET.h5#$set#" -e "s#^  \"protocol\"#  \"control\": {$plan$2},\n  \"protocol\"#" \
        -e "s#\"models\": \[#\"models\": [$models#" -e "${3:-}" tests/chain_micro.json >"$1"
}

# train_control EXPERIMENT CACHE THREADS WORD…
train_control() {
    local experiment=$1 cache=$2 threads=$3
    shift 3
    "$mlcm" train control --config "$experiment" --cache "$cache" --threads "$threads" --quiet "$@" \
        >"$folder/out" 2>"$folder/err" </dev/null
}

runs 0 data build --source procedural --clips 60 --out "$set" --quiet
experiment_with "$folder/e.json" ""

# --- the stage ---------------------------------------------------------------------------------
train_control "$folder/e.json" "$folder/one" 1
check $? "train control: $(cat "$folder/err")"
whole=$(compgen -G "$folder/one/control-*.h5")
mkdir "$folder/two"
cp "$folder"/one/{vae,mld,lcm}-*.h5 "$folder/two"
train_control "$folder/e.json" "$folder/two" 2 --stop-after 7
[ $? = 1 ]
check $? "train control --stop-after ends with another code than 1: $(cat "$folder/err")"
train_control "$folder/e.json" "$folder/two" 2
check $? "train control, resumed: $(cat "$folder/err")"
same "$whole" "$(compgen -G "$folder/two/control-*.h5")" "control: stopped, resumed and with two threads is not the same as straight on"

# Latent and control terms are logged, and the base's models are the same with and without the section.
head -n 1 "$whole.csv" | grep -q '^step,loss,latent,control,'
check $? "the log of control lacks its terms: $(head -n 1 "$whole.csv")"
sed -e "s#SET.h5#$set#" tests/chain_micro.json >"$folder/plain.json"
"$mlcm" bench --config "$folder/plain.json" --cache "$folder/one" --dry-run >"$folder/out" 2>"$folder/err"
[ "$(grep -cE '^  (vae|mld|lcm) .*trained already' "$folder/out")" = 3 ]
check $? "the section control changes what the stages below are: $(cat "$folder/out")"

# An experiment that names this one as its base is the same experiment.
echo '{"base": "e.json", "description": "the same"}' >"$folder/based.json"
"$mlcm" bench --config "$folder/based.json" --cache "$folder/one" --dry-run >"$folder/out" 2>"$folder/err"
[ "$(grep -cE '^  (vae|mld|lcm|control) .*trained already' "$folder/out")" = 4 ]
check $? "an experiment with a base is another one: $(cat "$folder/out" "$folder/err")"

# --- the table ------------------------------------------------------------------------------------
cp "$whole" "$folder/kept.h5"
PATH=/nonexistent "$mlcm" bench --config "$folder/e.json" --cache "$folder/one" --out "$folder/table" --threads 1 --strips 0 \
    --replications 1 --quiet >"$folder/out" 2>"$folder/err" </dev/null
check $? "bench with control: $(cat "$folder/err")"
for row in "MLD, told" "MotionLCM, told" "MotionLCM, tuned"; do
    grep -q "^| $row |" "$folder/out"
    check $? "the table lacks the row $row"
done
for name in traj_fail_50cm kps_fail_50cm kps_mean_err skating_ratio; do
    grep -q "$name" "$folder/table/chain_micro.json"
    check $? "the document lacks $name"
done
same "$whole" "$folder/kept.h5" "bench trained control again"

# --- other signals, and mistakes ---------------------------------------------------------------------
experiment_with "$folder/spatial.json" ', "pattern": "spatial", "joints": [0, 15], "density": 5, "kind": "mask", "loss": "smooth_l1", "metric": 1, "steps": 3, "warmup": 1' 's#"steps": 60, "warmup": 5, ##'
train_control "$folder/spatial.json" "$folder/one" 1
check $? "train control with spatial signals: $(cat "$folder/err")"
experiment_with "$folder/unknown.json" ', "joints": [0, 22]'
refuses 3 'joint 22 is unknown' train control --config "$folder/unknown.json" --cache "$folder/one" --quiet
experiment_with "$folder/misspelt.json" ', "densty": 5'
refuses 3 'densty' train control --config "$folder/misspelt.json" --cache "$folder/one" --quiet
refuses 3 'section "control"' train control --config "$folder/plain.json" --cache "$folder/one" --quiet
sed -e "s#\"models\": \[#\"models\": [$models#" "$folder/plain.json" >"$folder/half.json"
refuses 3 'section "control"' bench --config "$folder/half.json" --cache "$folder/one" --out "$folder/half" --quiet

# A base stands on none itself.
sed 's/"name"/"base": "plain.json", "name"/' "$folder/plain.json" >"$folder/chained.json"
cp "$folder/chained.json" "$folder/plain2.json"
sed 's/plain.json/plain2.json/' "$folder/chained.json" >"$folder/twice.json"
refuses 3 'stands on a base itself' train control --config "$folder/twice.json" --cache "$folder/one" --quiet

finish
