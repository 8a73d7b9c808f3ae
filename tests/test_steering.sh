#!/usr/bin/env bash
# A person at the wheel: trajectories from files, several texts, a stream, variants of the control
# section; and what is refused, with one line that names the file, the rule and the mend.
set -u
build=${1:-build}
mlcm=$build/mlcm
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. tests/checks.sh
result=$folder/result
set=$folder/set.h5

# --- a tiny chain with two ControlNets on MotionLCM ----------------------------------------------
plan='"steps": 20, "warmup": 5, "batch": 16, "piece": 4, "rate": 0.001, "w_low": 1, "w_high": 5, "embedding_width": 16, "tuning_steps": 4'
# experiment_with FILE MORE SED: the tiny chain with a section "control" that holds MORE.
experiment_with() {
    sed -e "s#SET.h5#$set#" -e "s#^  \"protocol\"#  \"control\": {$plan$2},\n  \"protocol\"#" -e "${3:-}" tests/chain_micro.json >"$1"
}
rows='s#"models": \[#"models": [{"name": "LC", "system": "motionlcm_control", "control": "lc"}, {"name": "LC and MC", "system": "motionlcm_control"},#'
runs 0 data build --source procedural --clips 60 --out "$set" --quiet
experiment_with "$folder/e.json" ', "variants": {"lc": {"weight": 0}}' "$rows"
cache=$folder/cache
runs 0 train control --config "$folder/e.json" --cache "$cache" --quiet
grep -q '^control .*/control-[0-9a-f]*\.h5$' "$folder/out"
check $? "train control does not name its file: $(cat "$folder/out")"
runs 0 train control --variant lc --config "$folder/e.json" --cache "$cache" --quiet
grep -q '^control_lc .*/control_lc-[0-9a-f]*\.h5$' "$folder/out"
check $? "train control --variant does not name its file: $(cat "$folder/out")"
runs 0 bench --config "$folder/e.json" --cache "$cache" --dry-run
[ "$(grep -cE '^  control(_lc)? .*trained already' "$folder/out")" = 2 ] && [ "$(grep -cE '^  control_mld(_lc)? .*would be' "$folder/out")" = 2 ]
check $? "bench --dry-run does not list the variants: $(cat "$folder/out")"
# without variants the section itself is the same stage
experiment_with "$folder/plain.json" ""
runs 0 bench --config "$folder/plain.json" --cache "$cache" --dry-run
[ "$(grep -cE '^  control .*trained already' "$folder/out")" = 1 ] && ! grep -q control_lc "$folder/out"
check $? "the variants change the section's own stage: $(cat "$folder/out")"
PATH=/nonexistent "$mlcm" bench --config "$folder/e.json" --cache "$cache" --out "$folder/table" --strips 0 --replications 1 --no-timing --quiet \
    >"$folder/out" 2>"$folder/err" </dev/null
check $? "bench with variants: $(cat "$folder/err")"
grep -q '^| LC |' "$folder/out" && grep -q '^| LC and MC |' "$folder/out" && [ "$(grep -E '^\| LC' "$folder/out" | sed 's/^| [^|]*|//' | sort -u | wc -l)" = 2 ]
check $? "two variants give one row: $(grep -E '^\| LC' "$folder/out")"
refuses 2 'control.variants.mc; add it' train control --variant mc --config "$folder/e.json" --cache "$cache" --quiet
refuses 2 'stage lcm has none' train lcm --variant lc --config "$folder/e.json" --cache "$cache" --quiet
experiment_with "$folder/bad.json" ', "variants": {"lc": {"density": 5}}'
refuses 3 'variants.lc.density' train control --config "$folder/bad.json" --cache "$cache" --quiet
experiment_with "$folder/bad.json" ', "variants": {"L C": {}}'
refuses 3 '"L C" is no name' train control --config "$folder/bad.json" --cache "$cache" --quiet
experiment_with "$folder/bad.json" '' "$rows"
refuses 3 'control.variants has no "lc"' bench --config "$folder/bad.json" --cache "$cache" --out "$result" --quiet
experiment_with "$folder/bad.json" ', "variants": {"lc": {}}' 's#"models": \[#"models": [{"name": "x", "system": "motionlcm", "control": "lc"},#'
refuses 3 'has no ControlNet' bench --config "$folder/bad.json" --cache "$cache" --out "$result" --quiet

# --- a trajectory in an experiment ------------------------------------------------------------------
printf 't,joint,x,y,z\n0.5,left_wrist,0.3,1.2,0.2\n' >"$folder/path.csv"
experiment_with "$folder/told.json" ', "trajectory": "path.csv"' 's#"models": \[#"models": [{"name": "told", "system": "motionlcm_control"},#'
PATH=/nonexistent "$mlcm" bench --config "$folder/told.json" --cache "$cache" --out "$folder/told" --strips 0 --replications 1 --no-timing --quiet \
    >"$folder/out" 2>"$folder/err" </dev/null
check $? "bench with a trajectory: $(cat "$folder/err")"
grep -q 'kps_mean_err' "$folder/told/chain_micro.json"
check $? "no control error under an experiment's trajectory"
printf 't,joint,x,y,z\n0.5,left_wirst,0.3,1.2,0.2\n' >"$folder/path.csv"
refuses 3 'path\.csv: line 2: joint "left_wirst" is unknown; use left_wrist' bench --config "$folder/told.json" --cache "$cache" --out "$result" --quiet

# --- generate, told ----------------------------------------------------------------------------------
models=$folder/models
mkdir "$models"
for stage in vae mld lcm; do cp "$(compgen -G "$cache/$stage-*.h5" | head -n 1)" "$models/$stage.h5"; done
told=(generate "a person walks" --model "$models" --frames 60)
printf '{"points": [{"t": 1, "joint": "head", "x": 0.1, "y": 1.5, "z": 0.3}], "waypoints": [{"t": 0, "x": 0, "z": 0}, {"t": 2, "x": 0, "z": 1}], "density": 25}' >"$folder/good.json"
refuses 3 'control\.h5: no ControlNet beside the models; train one' "${told[@]}" --control "$folder/good.json" -o "$result.npy"
runs 0 "${told[@]}" --control "$folder/good.json" --tuning 5 -o "$folder/tuned.npy"
cp "$(compgen -G "$cache/control-*.h5")" "$models/control.h5"
runs 0 "${told[@]}" --control "$folder/good.json" -o "$folder/told.npy"
grep -qE 'good\.json: 11 points told, missed by [0-9.]+ cm' "$folder/err"
check $? "generate --control does not say how near it came: $(cat "$folder/err")"
runs 0 "${told[@]}" -o "$folder/free.npy"
! cmp -s "$folder/told.npy" "$folder/free.npy"
check $? "a trajectory changes nothing"
# told FILE TEXT PATTERN: the trajectory is refused.
bad() {
    printf "$2" >"$folder/$1"
    refuses 3 "$1.*$3" "${told[@]}" --control "$folder/$1" -o "$result.npy"
}
bad late.csv 't,joint,x,y,z\n3.2,head,0,1,0\n' 'time 3\.2 lies outside the clip of 60 frames, 3 seconds; give a longer clip'
bad late.json '{"points": [{"frame": 60, "joint": 3, "x": 0, "y": 1, "z": 0}]}' 'frame 60 lies outside the clip of 60 frames'
bad joint.csv 't,joint,x,y,z\n1,haed,0,1,0\n' 'joint "haed" is unknown; use head'
bad joint.json '{"points": [{"t": 1, "joint": 22, "x": 0, "y": 1, "z": 0}]}' 'joint 22 is unknown; the skeleton has joints 0 to 21'
bad nan.csv 't,joint,x,y,z\n1,head,0,nan,0\n' 'line 2: y is "nan"; give a finite number'
bad nan.json '{"points": [{"t": 1, "joint": "head", "x": NaN, "y": 1, "z": 0}]}' 'JSON'
bad density.json '{"waypoints": [{"t": 0, "x": 0, "z": 0}, {"t": 2, "x": 0, "z": 1}], "density": 300}' 'density 300 asks for more frames than .* 41; use a smaller one'
bad origin.csv 't,x,z\n0,1,1\n1,2,2\n' 'the root starts at x 1, z 1; a clip starts at the origin'
bad page.json '<html>' 'JSON'
refuses 3 'no-such' "${told[@]}" --control "$folder/no-such.json" -o "$result.npy"
refuses 2 'one text' "${told[@]}" "a person runs" --control "$folder/good.json" -o "$result.npy"
refuses 2 'give --control' "${told[@]}" --tuning 5 -o "$result.npy"
refuses 2 'latent tuning' "${told[@]}" --control "$folder/good.json" --tuning 5 --steps 2 -o "$result.npy"
cp "$(compgen -G "$cache/mld-*.h5")" "$models/control.h5"
refuses 3 'control\.h5' "${told[@]}" --control "$folder/good.json" -o "$result.npy"
head -c 3000 "$(compgen -G "$cache/control-*.h5")" >"$models/control.h5"
refuses 3 'control\.h5' "${told[@]}" --control "$folder/good.json" -o "$result.npy"
cp "$(compgen -G "$cache/control-*.h5")" "$models/control.h5"

# --- several texts, and a stream ---------------------------------------------------------------------------
walk=(generate "a person walks" "a person runs" "a person stands" --model "$models" --frames 24 --seed 3)
runs 0 "${walk[@]}" -o "$folder/three.npy"
grep -q 'told by the ControlNet' "$folder/err" && grep -q '72 frames of 22 joints.*3 segments, seed 3' "$folder/err"
check $? "three texts do not make three segments: $(cat "$folder/err")"
runs 0 "${walk[@]}" --threads 1 -o "$folder/again.npy"
same "$folder/three.npy" "$folder/again.npy" "a stream depends on the number of threads"
runs 0 "${walk[@]}" -o "$folder/three.csv"
[ "$(wc -l <"$folder/three.csv")" = 73 ] && [ "$(head -n 2 "$folder/three.csv" | tail -n 1 | tr ',' '\n' | wc -l)" = 69 ]
check $? "three.csv has not 73 lines of 69 fields"
runs 0 "${walk[@]}" -o "$folder/three.svg"
[ "$(tail -c 7 "$folder/three.svg")" = "</svg>" ]
check $? "three.svg is no whole drawing"
printf 'a person walks\n\na person runs\r\na person stands' |
    "$mlcm" generate --stream --rows csv --model "$models" --frames 24 --seed 3 >"$folder/streamed.csv" 2>"$folder/err"
check $? "generate --stream: $(cat "$folder/err")"
same "$folder/three.csv" "$folder/streamed.csv" "a stream is not what the same texts give"
printf 'a person walks\n' | "$mlcm" generate --stream --model "$models" --frames 24 >"$folder/out" 2>"$folder/err"
[ "$(wc -l <"$folder/out")" = 24 ] && head -n 1 "$folder/out" | grep -qE '^\{"frame":0,"t":0\.000,"segment":0,"joints":\[\[-?[0-9.]+,'
check $? "a stream's JSON lines: $(head -c 200 "$folder/out")"
# Frames of the first segment are there while the second text is still to come.
mkfifo "$folder/texts"
"$mlcm" generate --stream --model "$models" --frames 24 <"$folder/texts" >"$folder/out" 2>"$folder/err" &
pid=$!
exec 7>"$folder/texts"
echo 'a person walks' >&7
for i in $(seq 300); do [ "$(wc -l <"$folder/out")" -ge 16 ] && break; sleep 0.05; done
[ "$(wc -l <"$folder/out")" = 16 ]
check $? "frames do not come out as they are made: $(wc -l <"$folder/out") lines"
exec 7>&-
wait $pid
check $? "a stream that ends: $(cat "$folder/err")"
# Without the ControlNet, asked for or not there.
runs 0 "${walk[@]}" --plain -o "$folder/plain.npy"
grep -q 'without the ControlNet as asked' "$folder/err"
check $? "--plain is not said: $(cat "$folder/err")"
mv "$models/control.h5" "$folder/kept.h5"
runs 0 "${walk[@]}" -o "$folder/fallback.npy"
grep -q 'no ControlNet beside the models: plain clips' "$folder/err"
check $? "the missing ControlNet is not said: $(cat "$folder/err")"
same "$folder/plain.npy" "$folder/fallback.npy" "--plain is not what there is without a ControlNet"
mv "$folder/kept.h5" "$models/control.h5"
refuses 2 'output file' "${walk[@]}" -o "$result.mp4"
refuses 2 'use csv or jsonl' "${walk[@]}" -o - --rows npy
refuses 2 'no more overlap than frames' "${walk[@]}" --overlap 25 -o "$result.npy"
refuses 2 'text is needed' generate --model "$models" -o "$result.npy"
refuses 2 'several texts' "${told[@]}" --overlap 5 -o "$result.npy"
refuses 3 'standard input: no text' generate --stream --model "$models" -o "$result.npy"
head -c 5000 /dev/zero | tr '\0' 'a' | "$mlcm" generate --stream --model "$models" -o "$result.npy" >"$folder/out" 2>"$folder/err"
[ $? = 3 ] && grep -q 'line 1 is longer' "$folder/err" && [ ! -e "$result.npy" ]
check $? "an endless line: $(cat "$folder/err")"

# --- the scenario --------------------------------------------------------------------------------------------
runs 0 time --scenario stream --model "$models" --seconds 12 --streams 2 --tries 2 --json "$folder/stream.json" -o "$folder/stream.npy"
grep -q 'motion seconds a wall second' "$folder/out" && grep -q 'jerk at seams' "$folder/out" && grep -q '"worst_seam_ratio"' "$folder/stream.json" &&
    grep -q '"stream_segment"' "$folder/stream.json" && grep -q '"mlcm-results-1"' "$folder/stream.json"
check $? "time --scenario stream: $(cat "$folder/out")"
for words in "a person walks" "a person walks@a person bows"; do
    IFS=@ read -ra texts <<<"$words"
    runs 0 generate "${texts[@]}" --model "$models" --frames 24 --quiet -o "$folder/quiet.npy"
    [ ! -s "$folder/err" ] && [ ! -s "$folder/out" ]
    check $? "generate --quiet says: $(cat "$folder/err" "$folder/out")"
done
refuses 2 'single, batch and stream' time --scenario steam --model "$models"
refuses 2 'one segment' time --scenario stream --model "$models" --seconds 2
finish
