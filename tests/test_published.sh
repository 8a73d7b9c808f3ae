#!/usr/bin/env bash
# From published files to a table, on a synthetic set of small networks: what is written, read,
# measured, and what is said when a file lacks. Usage: tests/test_published.sh [BUILD]
set -u
mlcm=${1:-build}/mlcm
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. tests/checks.sh

root=$folder/root
# The paper's experiments, with a protocol that a few clips can fill.
for name in humanml3d_table1 humanml3d_table2 humanml3d_table3 humanml3d_pelvis kit_table1; do
    sed 's/"pool": 32/"pool": 8/; s/"diversity_times": 300/"diversity_times": 6/; s/"tuning_steps": 400/"tuning_steps": 2/
         s/"mm_samples": 100, "mm_repeats": 30, "mm_times": 10/"mm_samples": 2, "mm_repeats": 3, "mm_times": 2/
         s/"steps": \(96000\|234000\|231000\|20000\)/"steps": 2/; s/"warmup": 1000/"warmup": 0/
         s/"batch": \(256\|128\|64\)/"batch": 8/; s/"piece": 32/"piece": 4/; s/"latent_crops": 8/"latent_crops": 1/
         s/"width": 256, "feed_forward": 1024/"width": 32, "feed_forward": 32/; s/"latent_width": 256, //; s/"layers": 9/"layers": 3/
         s/"text_width": 768/"text_width": 48/; s/"time_width": 768/"time_width": 16/' \
        "bench/experiments/$name.json" >"$folder/$name.json"
done
measure=(--root "$root" --cache "$folder/cache" --replications 1 --no-timing --strips 0 --quiet)

runs 0 data synthetic --out "$root" --clips 40 --checkpoints --size tiny
refuses 2 'already' data synthetic --out "$root"
runs 0 data doctor "$root"
runs 0 data doctor "$root/datasets/humanml3d"
grep -q '007975 M007975' "$folder/out"
check $? "data doctor does not name the non-finite clips"
runs 3 data doctor "$folder"

# Everything there.
runs 0 bench --config "$folder/humanml3d_table1.json" --root "$root" --dry-run
[ "$(grep -c '^  there' "$folder/out")" = 27 ] && ! grep -qi missing "$folder/out" && grep -q '^nothing is trained' "$folder/out"
check $? "--dry-run does not find all 27 files"
runs 0 bench --config "$folder/humanml3d_table1.json" "${measure[@]}" --out "$folder/table1"
[ "$(grep -c '^| ' "$folder/out")" = 13 ] && grep -q 'data are synthetic' "$folder/out"
check $? "not 13 lines of a table and a note on synthetic data: $(head -c 300 "$folder/out")"
document=$(find "$folder/table1" -name '*humanml3d_table1.json')
for path in experiments_t2m/motionlcm_humanml/motionlcm_humanml_v1.ckpt deps/t2m/t2m/text_mot_match/model/finest.tar \
            deps/glove/our_vab_data.npy deps/sentence-t5-large/pytorch_model.bin datasets/humanml3d/Mean.npy; do
    grep -A 1 "\"$path\"" "$document" | grep -q "$(sha256sum "$root/$path" | cut -d' ' -f1)"
    check $? "the document lacks $path with its SHA-256"
done
[ "$(grep -c '"humanml3d-synthetic"' "$document")" -ge 1 ]
check $? "the document does not name the data synthetic"

# Control, latent tuning, training on a published MLD, and KIT-ML trained from scratch.
runs 0 bench --config "$folder/humanml3d_table2.json" "${measure[@]}" --out "$folder/table2"
grep -q 'MLD, LC&MC: not measured: file experiments.*control/mld.*humanml.ckpt is not here' "$folder/out"
check $? "an optional model that is not here is not told of: $(tail -n 3 "$folder/out")"
[ "$(grep -c '^| ' "$folder/out")" = 12 ]
check $? "table 2 has not 12 lines"
runs 0 bench --config "$folder/humanml3d_pelvis.json" "${measure[@]}" --out "$folder/pelvis"
runs 0 bench --config "$folder/humanml3d_table3.json" --root "$root" --dry-run
grep -q '^trained here: lcm$' "$folder/out"
check $? "table 3 does not train the consistency model alone"
runs 0 bench --config "$folder/humanml3d_table3.json" "${measure[@]}" --out "$folder/table3"
for file in bench/experiments/humanml3d_table3/*.json; do runs 0 bench --config "$file" --root "$root" --dry-run; done
runs 0 data synthetic --out "$folder/kit" --layout kit --clips 40 --checkpoints --size tiny
runs 0 bench --config "$folder/kit_table1.json" "${measure[@]}" --root "$folder/kit" --out "$folder/table_kit"
grep -q 'kit-synthetic' "$folder/out"
check $? "the KIT-ML table does not name its data"

# One file at a time is taken away.
lacks() { # lacks CODE FILE PATTERN
    local code=$1 file=$2 pattern=$3
    mv "$root/$file" "$folder/away"
    runs "$code" bench --config "$folder/humanml3d_table1.json" "${measure[@]}" --limit 8 --out "$folder/lacks"
    cat "$folder/out" "$folder/err" >"$folder/said"
    grep -qE -- "$pattern" "$folder/said"
    check $? "without $file: no \"$pattern\": $(tail -n 3 "$folder/said")"
    runs "$([ "$code" = 0 ] && echo 0 || echo 4)" bench --config "$folder/humanml3d_table1.json" --root "$root" --dry-run
    grep -iqE "missing +$file" "$folder/out" && grep -q 'from: ' "$folder/out"
    check $? "--dry-run does not say that $file is missing"
    mv "$folder/away" "$root/$file"
}
lacks 4 datasets/humanml3d/Mean.npy 'missing datasets/humanml3d/Mean.npy.*HumanML3D'
lacks 4 deps/glove/our_vab_idx.pkl 'download_glove.sh'
lacks 4 deps/t2m/t2m/text_mot_match/model/finest.tar 'download_t2m_evaluators.sh'
lacks 4 deps/sentence-t5-large/spiece.model 'prepare_t5.sh'
lacks 4 experiments_t2m/motionlcm_humanml/motionlcm_humanml_v1.ckpt 'download_pretrained_models.sh'
lacks 0 experiments_t2m/motionlcm_humanml/motionlcm_humanml.ckpt 'V2 \(4 steps\): not measured: file'

# Several at once are all named; files that are something else are told.
mv "$root/deps" "$folder/away"
runs 4 bench --config "$folder/humanml3d_table1.json" "${measure[@]}" --out "$folder/none"
[ "$(grep -c '^mlcm: missing ' "$folder/err")" = 13 ]
check $? "not all 13 missing files are named"
mv "$folder/away" "$root/deps"
cp "$root/deps/t2m/t2m/text_mot_match/model/finest.tar" "$folder/away"
echo '<!DOCTYPE html><title>Sign in</title>' >"$root/deps/t2m/t2m/text_mot_match/model/finest.tar"
runs 4 bench --config "$folder/humanml3d_table1.json" "${measure[@]}" --out "$folder/none"
grep -q 'an HTML page' "$folder/err"
check $? "an HTML page for a checkpoint is not told"
head -c 5000 "$folder/away" >"$root/deps/t2m/t2m/text_mot_match/model/finest.tar"
runs 3 bench --config "$folder/humanml3d_table1.json" "${measure[@]}" --out "$folder/none"
mv "$folder/away" "$root/deps/t2m/t2m/text_mot_match/model/finest.tar"
# A checkpoint in another's place.
sed 's|"motionlcm_v1": "[^"]*"|"motionlcm_v1": "experiments_t2m/mld_humanml/mld_humanml_v1.ckpt"|' "$folder/humanml3d_table1.json" >"$folder/wrong.json"
runs 3 bench --config "$folder/wrong.json" "${measure[@]}" --out "$folder/none"
grep -q 'cond_proj' "$folder/err"
check $? "an MLD in MotionLCM's place is not told: $(cat "$folder/err")"

# The section itself.
wrong() { # wrong PATTERN SECTION
    printf '{"published": %s, "models": [{"name": "a", "system": "vae", "checkpoint": "x"}]}' "$2" >"$folder/section.json"
    refuses 3 "$1" bench --config "$folder/section.json" --dry-run
}
wrong 'checkpoints has no "x"' '{"layout": "kit"}'
wrong 'layout' '{}'
wrong 'below the root' '{"layout": "kit", "checkpoints": {"x": "../../etc/passwd"}}'
wrong 'rot' '{"layout": "kit", "rot": "here"}'
wrong 'stages.vae' '{"layout": "kit", "checkpoints": {"x": "a.ckpt"}, "stages": {"vae": "y"}}'

# One motion from the published files.
for generation in 1 2; do
    runs 0 generate "a person walks" --frames 24 --model "$root" --generation "$generation" -o "$folder/one.npy"
done
runs 0 generate "a person walks" --frames 24 --model "$root" --teacher -o "$folder/one.npy"
mv "$root/datasets/humanml3d/Std.npy" "$folder/away"
refuses 3 'Std.npy' generate "a person walks" --frames 24 --model "$root" -o "$folder/result.npy"
mv "$folder/away" "$root/datasets/humanml3d/Std.npy"

# Our own weights in PyTorch's container, and back.
if [ -f results/weights/bandai_small/evaluator.h5 ]; then
    runs 0 pack results/weights/bandai_small/evaluator.h5 --torch "$folder/finest.tar"
    runs 0 info "$folder/finest.tar"
    grep -q 'evaluator (text and motion matching)' "$folder/out"
    check $? "the packed evaluator is not told as one"
else
    skip "results/weights/bandai_small/evaluator.h5 not here"
fi
refuses 2 'exclude' pack x.h5 -o "$folder/result.h5" --torch "$folder/result.pt"

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
