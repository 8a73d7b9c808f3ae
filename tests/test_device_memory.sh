#!/usr/bin/env bash
# Nothing above engine/device.h touches a device's memory: the chain from training to tables, generation, streams and the
# conformance cases run on the device of tests/device_check.c, whose addresses nobody else can read, and give
# what they give on the CPU.
set -u
build=${1:-build}
mlcm=$build/mlcm_check
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. tests/checks.sh

# strict WORD…: mlcm on the checking device; it must succeed and give back all memory.
strict() {
    PATH=/nonexistent "$mlcm" "$@" --device check >"$folder/out" 2>"$folder/err" </dev/null
    local code=$?
    [ $code = 0 ]
    check $? "mlcm $* --device check: exit code $code: $(tail -n 2 "$folder/err")"
    ! grep -q "^check:" "$folder/err"
    check $? "mlcm $* --device check: $(grep "^check:" "$folder/err" | head -n 2)"
}

runs 0 data build --source procedural --clips 60 --out "$folder/set.h5" --quiet
sed -e "s#SET.h5#$folder/set.h5#" tests/chain_micro.json >"$folder/base.json"
cat >"$folder/chain.json" <<'END'
{"base": "base.json", "name": "strict",
 "control": {"steps": 20, "warmup": 2, "batch": 8, "piece": 4, "rate": 0.001, "density": 25, "embedding_width": 16, "tuning_steps": 6},
 "models": [{"name": "VAE", "system": "vae"}, {"name": "Prior", "system": "prior"},
            {"name": "MLD", "system": "mld", "steps": 3}, {"name": "LCM", "system": "motionlcm", "steps": 2},
            {"name": "LCM control", "system": "motionlcm_control", "steps": 1},
            {"name": "MLD control", "system": "mld_control", "steps": 3},
            {"name": "Tuning", "system": "motionlcm_tuning", "steps": 1, "replications": 1}]}
END
for where in check cpu; do
    PATH=/nonexistent "$mlcm" bench --config "$folder/chain.json" --cache "$folder/$where" --out "$folder/out_$where" --limit 32 \
        --replications 2 --device $where --quiet --strips 1 --threads 2 >"$folder/out" 2>"$folder/err" </dev/null
    check $? "bench on the device $where: $(tail -n 2 "$folder/err")"
    ! grep -q "^check:" "$folder/err"
    check $? "bench on the device $where: $(grep "^check:" "$folder/err" | head -n 2)"
done
for model in "$folder"/cpu/*.h5; do
    h5diff "$model" "$folder/check/${model##*/}" >/dev/null 2>&1 || cmp -s "$model" "$folder/check/${model##*/}"
    check $? "${model##*/}: trained on the checking device it is another model"
done

models=$folder/models
mkdir "$models"
for stage in vae mld lcm control control_mld; do
    cp "$folder"/check/$stage-????????????????.h5 "$models/$stage.h5"
done
for words in "--teacher --steps 3" "--steps 2" "--joints" "--precision bf16" "--precision int8"; do
    # shellcheck disable=SC2086
    strict generate "a person walks" --frames 40 --model "$models" -o "$folder/walk.npy" $words
done
echo '{"points": [{"frame": 3, "joint": "head", "x": 0.1, "y": 1.5, "z": 0.2}]}' >"$folder/path.json"
strict generate "a person walks" --frames 40 --control "$folder/path.json" --model "$models" -o "$folder/walk.npy"
strict generate "a person walks" --frames 40 --control "$folder/path.json" --tuning 4 --model "$models" -o "$folder/walk.npy"
strict generate "a person walks" "a person runs" --frames 40 --model "$models" -o "$folder/two.npy"
strict time --config "$folder/chain.json" --cache "$folder/check" --runs 2
strict time --config "$folder/chain.json" --cache "$folder/check" --training --runs 2
strict time --config "$folder/base.json" --random-weights --frames 40 --runs 2

# Published files: mapped checkpoints, a published text encoder.
if PATH=$PATH "$mlcm" data synthetic --out "$folder/published" --checkpoints --size tiny >"$folder/out" 2>"$folder/err"; then
    strict generate "a person walks" --model "$folder/published" --frames 40 -o "$folder/walk.npy"
    strict generate "a person walks" --model "$folder/published" --generation 2 --teacher --steps 2 --text-precision int8 --frames 40 -o "$folder/walk.npy"
fi

golden=../shared/golden
if [ -d $golden ]; then
    strict verify $golden --quiet
else
    skip "no conformance cases in $golden"
fi
finish
