#!/usr/bin/env bash
# Bad input, as users meet it: the right exit code, one line that names the file, and nothing written.
set -u
build=${1:-build}
mlcm=$build/mlcm
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. tests/checks.sh

result=$folder/result

# array FILE SHAPE COUNT [VALUES]: a float32 .npy file of COUNT zeros, after VALUES in printf's notation.
array() {
    printf '\x93NUMPY\x01\x00v\x00%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': ($2), }" >"$1"
    printf "${4:-}" >"$folder/values"
    cat "$folder/values" >>"$1"
    head -c $((4 * $3 - $(wc -c <"$folder/values"))) /dev/zero >>"$1"
}
nan='\x00\x00\xc0\x7f'

html() {
    printf '<!DOCTYPE html><html><head><title>404</title></head><body>Not Found</body></html>\n'
}

# --- motion capture files -----------------------------------------------------------------
# bvh FRAMES: a figure of the default joint map that stands still.
bvh() {
    local joint x y frame
    printf 'HIERARCHY\nROOT Hips\n{\nOFFSET 0 0 0\nCHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation\n'
    while read -r joint x y; do
        printf 'JOINT %s\n{\nOFFSET %s %s 0\nCHANNELS 3 Zrotation Xrotation Yrotation\nEnd Site\n{\nOFFSET 0 0 5\n}\n}\n' $joint $x $y
    done <<'JOINTS'
Spine 0 10
Chest 0 25
Neck 0 50
Head 0 60
Shoulder_L 5 45
UpperArm_L 15 45
LowerArm_L 40 45
Hand_L 65 45
Shoulder_R -5 45
UpperArm_R -15 45
LowerArm_R -40 45
Hand_R -65 45
UpperLeg_L 10 -2
LowerLeg_L 10 -42
Foot_L 10 -82
Toes_L 11 -84
UpperLeg_R -10 -2
LowerLeg_R -10 -42
Foot_R -10 -82
Toes_R -11 -84
JOINTS
    printf '}\nMOTION\nFrames: %d\nFrame Time: 0.05\n' "$1"
    for frame in $(seq "$1"); do
        printf '0 85 %s' "$frame"
        printf ' 0%.0s' $(seq 63)
        printf '\n'
    done
}
mkdir "$folder/bvh"
for name in a b c d e f; do
    bvh 50 >"$folder/bvh/$name.bvh"
    echo 'a person stands still' >"$folder/bvh/$name.txt"
done
printf 'a\nb\nc\nd\n' >"$folder/bvh/train.txt"
echo e >"$folder/bvh/val.txt"
echo f >"$folder/bvh/test.txt"
build_bvh=(data build --source bvh --root "$folder/bvh" --out "$result.h5" --quiet)
# The folder is good, so that what follows fails for its own reason.
runs 0 "${build_bvh[@]}" && rm "$result.h5"
bvh 50 | head -n 150 >"$folder/bvh/c.bvh"
refuses 3 'c\.bvh' "${build_bvh[@]}"
bvh 50 | head -c 400 >"$folder/bvh/c.bvh"
refuses 3 'c\.bvh' "${build_bvh[@]}"
bvh 50 | sed '$s/85/nan/' >"$folder/bvh/c.bvh"
refuses 3 'c\.bvh' "${build_bvh[@]}"
html >"$folder/bvh/c.bvh"
refuses 3 'c\.bvh' "${build_bvh[@]}"
: >"$folder/bvh/c.bvh"
refuses 3 'c\.bvh' "${build_bvh[@]}"
bvh 50 >"$folder/bvh/c.bvh"
refuses 3 'no-such' data build --source bvh --root "$folder/no-such" --out "$result.h5" --quiet
mkdir "$folder/nothing"
refuses 3 'nothing' data build --source bvh --root "$folder/nothing" --out "$result.h5" --quiet
refuses 4 'a\.txt/result' data build --source bvh --root "$folder/bvh" --out "$folder/bvh/a.txt/result.h5" --quiet
refuses 2 '--root' data build --source bvh --out "$result.h5"
refuses 2 'unknown source' data build --source bhv --root "$folder/bvh" --out "$result.h5"
refuses 2 'clips' data build --source procedural --clips -4 --out "$result.h5"
refuses 2 'clips' data build --source procedural --clips 1e12 --out "$result.h5"

# --- arrays ---------------------------------------------------------------------------------
runs 0 data features --joints "$folder/bvh/a.bvh" --out "$folder/walk.npy"
runs 0 data joints --features "$folder/walk.npy" --out "$folder/joints.npy"
runs 0 data features --joints "$folder/joints.npy" --out "$folder/again.npy"
array "$folder/nan.npy" '30, 22, 3' 1980 "\x00\x00\x00\x00$nan"
refuses 3 'nan\.npy' data features --joints "$folder/nan.npy" --out "$result.npy"
array "$folder/nan_features.npy" '30, 263' 7890 "$nan"
refuses 3 'nan_features\.npy' data joints --features "$folder/nan_features.npy" --out "$result.npy"
refuses 3 '^mlcm: [^ ]*/nan\.npy: .*finite' data bvh --motion "$folder/nan.npy" --out "$result.bvh"
refuses 3 'joints\.npy: array of 3 dimensions where 2 are expected; is this' data joints --features "$folder/joints.npy" --out "$result.npy"
array "$folder/wide.npy" '30, 24, 3' 2160
refuses 3 'wide\.npy' data features --joints "$folder/wide.npy" --out "$result.npy"
array "$folder/short.npy" '1, 22, 3' 66
refuses 3 'short\.npy' data features --joints "$folder/short.npy" --out "$result.npy"
array "$folder/empty.npy" '0, 22, 3' 0
refuses 3 'empty\.npy' data features --joints "$folder/empty.npy" --out "$result.npy"
array "$folder/huge.npy" '999999999, 22, 3' 66
refuses 3 'huge\.npy' data features --joints "$folder/huge.npy" --out "$result.npy"
head -c 1000 "$folder/joints.npy" >"$folder/part.npy"
refuses 3 'part\.npy' data features --joints "$folder/part.npy" --out "$result.npy"
refuses 3 'bvh' data features --joints "$folder/bvh" --out "$result.npy"
refuses 4 'walk\.npy/result' data features --joints "$folder/joints.npy" --out "$folder/walk.npy/result.npy"

# --- the published layout -----------------------------------------------------------------------
layout=$folder/HumanML3D
mkdir -p "$layout/new_joint_vecs" "$layout/texts"
for name in 000001 000002 000003 000004; do
    cp "$folder/walk.npy" "$layout/new_joint_vecs/$name.npy"
    echo 'a person stands still.#a/DET person/NOUN stand/VERB still/ADV#0.0#0.0' >"$layout/texts/$name.txt"
done
printf '000001\n000002\n' >"$layout/train.txt"
echo 000003 >"$layout/val.txt"
echo 000004 >"$layout/test.txt"
array "$layout/Mean.npy" '263,' 263
array "$layout/Std.npy" '263,' 263 "$(printf '\\x00\\x00\\x80\\x3f%.0s' $(seq 263))"
build_layout=(data build --source humanml3d --root "$layout" --out "$result.h5" --quiet)
runs 0 "${build_layout[@]}" && rm "$result.h5"
good=$(cat "$layout/texts/000002.txt")
: >"$layout/texts/000002.txt"
refuses 3 '000002\.txt' "${build_layout[@]}"
printf '\xff\xfe caption#a/DET#0.0#0.0\n' >"$layout/texts/000002.txt"
refuses 3 '000002\.txt' "${build_layout[@]}"
echo "$good" >"$layout/texts/000002.txt"
head -c 3000 "$folder/walk.npy" >"$layout/new_joint_vecs/000002.npy"
refuses 3 '000002\.npy' "${build_layout[@]}"
array "$layout/new_joint_vecs/000002.npy" '50, 251' 12550
refuses 3 '000002\.npy' "${build_layout[@]}"
cp "$folder/walk.npy" "$layout/new_joint_vecs/000002.npy"
cp "$layout/Mean.npy" "$layout/Std.npy"
refuses 3 'Std\.npy' "${build_layout[@]}"
rm "$layout/Std.npy"
array "$layout/Mean.npy" '263,' 263 "$nan"
refuses 3 'Mean\.npy' "${build_layout[@]}"
array "$layout/Mean.npy" '7,' 7
refuses 3 'Mean\.npy|features|7' "${build_layout[@]}"
rm "$layout/Mean.npy"
: >"$layout/train.txt"
: >"$layout/val.txt"
: >"$layout/test.txt"
refuses 3 'HumanML3D' "${build_layout[@]}"

# --- files of another kind -------------------------------------------------------------------------
html >"$folder/page.ckpt"
html >"$folder/page.h5"
html >"$folder/page.json"
: >"$folder/nothing.ckpt"
head -c 64 /dev/zero >"$folder/zeros.ckpt"
for file in page.ckpt page.h5 page.json nothing.ckpt zeros.ckpt bvh no-such.ckpt part.npy; do
    refuses 3 "$file" info "$folder/$file"
done
for file in page.h5 nothing.ckpt bvh no-such.h5 walk.npy; do
    refuses 3 "$file" data doctor "$folder/$file"
done
refuses 3 'no-such' generate 'a person walks' --model "$folder/no-such" -o "$result.npy"
mkdir "$folder/models"
html >"$folder/models/lcm.h5"
refuses 3 'lcm\.h5' generate 'a person walks' --model "$folder/models" -o "$result.npy"
refuses 2 'frames' generate 'a person walks' --frames 100000 -o "$result.npy"
refuses 2 '-o' generate 'a person walks' --out "$result.mp4"
refuses 2 '' generate -o "$result.npy"

# --- packed sets -----------------------------------------------------------------------------------
set=$folder/set.h5
runs 0 data build --source procedural --clips 60 --out "$set" --quiet
size=$(wc -c <"$set")
for part in 100 2048 $((size / 2)) $((size - 1)); do
    head -c "$part" "$set" >"$folder/part.h5"
    refuses 3 'part\.h5' info "$folder/part.h5"
    refuses 3 'part\.h5' data doctor "$folder/part.h5"
done

# --- results documents -------------------------------------------------------------------------------
row='{"model": "a", "metrics": [{"name": "FID", "direction": "down", "mean": 1, "ci95": 0, "replications": [1]}]}'
echo '{"schema": "mlcm-results-1", "rows": ['"$row"']}' >"$folder/row.json"
runs 0 compare "$folder/row.json" "$folder/row.json"
runs 0 report "$folder/row.json" -o "$folder/page" --quiet
echo '{"schema": "mlcm-results-1", "rows": []}' >"$folder/nothing.json"
echo '{"schema": "mlcm-results-1", "protocol": {"replications": 100000}, "rows": ['"$row"']}' >"$folder/many.json"
# a mean among its replications, but not theirs
sed 's/"mean": 1, "ci95": 0, "replications": \[1\]/"mean": 1.5, "ci95": 0, "replications": [1, 3]/' "$folder/row.json" >"$folder/mean.json"
for name in nothing many mean; do
    refuses 3 "$name\.json" compare "$folder/row.json" "$folder/$name.json"
    refuses 3 "$name\.json" report "$folder/$name.json" -o "$result.page" --quiet
    refuses 3 "$name\.json" info "$folder/$name.json"
done

# --- experiments --------------------------------------------------------------------------------------
sed "s#SET.h5#$set#" tests/chain_micro.json >"$folder/good.json"
bench_bad=(bench --config "$folder/bad.json" --cache "$result.cache" --out "$result.folder" --threads 1 --quiet)
# bad CODE PATTERN SED: the experiment, changed by a sed command, must be refused before anything is trained.
bad() {
    sed -E "$3" "$folder/good.json" >"$folder/bad.json"
    cmp -s "$folder/good.json" "$folder/bad.json" && check 1 "$3 changes nothing"
    mkdir -p "$result.cache"
    "$mlcm" "${bench_bad[@]}" >"$folder/out" 2>"$folder/err" </dev/null
    local got=$?
    [ "$got" = "$1" ] && [ "$(wc -l <"$folder/err")" = 1 ] && grep -qE -- "^mlcm: .*($2)" "$folder/err" &&
        [ -z "$(ls "$result.cache")" ] && [ ! -s "$folder/out" ] && [ ! -e "$result.folder" ]
    check $? "bench after $3: exit code $got, wanted $1 and $2: $(head -c 600 "$folder/err")"
    rm -rf "$result".*
}
runs 0 bench --config "$folder/good.json" --cache "$folder/cache" --dry-run
bad 3 'models' '/"models"/,/^  \]/d; s/("time_warmup": 1\}),/\1/'
bad 3 'set' 's/, "set": "[^"]*"//'
bad 3 'no-such' 's/"set": "[^"]*"/"set": "no-such.h5"/'
bad 3 'bvh' "s#\"set\": \"[^\"]*\"#\"set\": \"$folder/bvh\"#"
bad 3 'part\.h5' "s#\"set\": \"[^\"]*\"#\"set\": \"$folder/part.h5\"#"
bad 3 'walk\.npy' "s#\"set\": \"[^\"]*\"#\"set\": \"$folder/walk.npy\"#"
bad 3 'vea.*vae' 's/"vae": \{/"vea": {/'
bad 3 'layer' 's/"layers": 3/"layer": 3/'
bad 3 'movement_hiden.*movement_hidden' 's/"movement_hidden"/"movement_hiden"/'
bad 3 'motionlmc.*motionlcm' 's/"system": "motionlcm"/"system": "motionlmc"/'
bad 3 'models\.1' 's/, "system": "prior"//'
bad 3 'vae\.width' 's/"width": 16/"width": "16"/'
bad 3 'vae\.layers' 's/"layers": 3/"layers": 2.5/'
bad 3 'vae' 's/"vae": \{.*/"vae": 7,/; /"warmup": 10, "batch": 8/d'
bad 3 'protocol\.pool' 's/"pool": 8/"pool": true/'
bad 3 'models' '/"models"/,/^  \]/d; s/("time_warmup": 1\}),/\1, "models": {}/'
bad 3 'models' '/"models"/,/^  \]/d; s/("time_warmup": 1\}),/\1, "models": []/'
bad 3 'evaluator' '/"evaluator": \{/,/matching_steps/d; s/"seed": 5,/"seed": 5, "evaluator": [],/'
bad 3 'vae\.steps' 's/"steps": 100/"steps": -1/'
bad 3 'vae\.steps' 's/"steps": 100/"steps": 1e30/'
bad 3 'vae\.steps' 's/"steps": 100/"steps": 0/'
bad 3 'vae\.warmup' 's/"warmup": 10, "batch": 8/"warmup": 101, "batch": 8/'
bad 3 'vae\.warmup' 's/"warmup": 10, "batch": 8/"batch": 8/; s/"steps": 100/"steps": 90/'
bad 3 'vae\.piece' 's/"piece": 2/"piece": 9/'
bad 3 'lcm\.gpu_piece' 's/"rate": 0.0005/"gpu_piece": 17, "rate": 0.0005/'
bad 3 'vae\.refinements\.0\.warmup' 's/"kl_weight"/"refinements": [{"steps": 9, "warmup": 10}], "kl_weight"/'
bad 3 'vae\.batch' 's/"batch": 8/"batch": 2000000000/'
bad 3 'vae\.rate' 's/"rate": 0.001/"rate": -0.001/'
bad 3 'rate|number|1e999' 's/"rate": 0.001/"rate": 1e999/'
bad 3 'NaN|number|JSON|value' 's/"rate": 0.001/"rate": NaN/'
bad 3 'seed' 's/"seed": 5/"seed": -5/'
bad 3 'seed' 's/"seed": 5/"seed": 1e300/'
bad 3 'seed' 's/"seed": 5/"seed": 5.5/'
bad 3 'heads' 's/"heads": 2/"heads": 3/'
bad 3 'evaluator: "embedding"' 's/"embedding": 16/"embedding": 0/'
bad 3 'evaluator: "embedding"' 's/"embedding": 16/"embedding": "16"/'
bad 3 'negatives' 's/"negatives": 4/"negatives": 16/'
bad 3 'replications' 's/"replications": 3/"replications": 0/'
bad 3 'mm_times' 's/"mm_times": 2/"mm_times": 5/'
bad 3 'w_low' 's/"w_low": 1/"w_low": 9/'
bad 3 'steps' 's/("system": "mld", "steps": )5/\15000/'
bad 3 'vae\.steps" is 1e\+300; it must be from 1 to' 's/"steps": 100/"steps": 1e300/'
bad 3 'name.*point at the front' 's#"name": "chain_micro"#"name": ".."#'
bad 3 'name.*control character' 's#"name": "chain_micro"#"name": "a\\nb"#'
bad 3 'models\.1\.name.*control character' 's#"name": "Decoded prior"#"name": "\\u001b[31mred"#'
bad 3 'name' 's#"name": "chain_micro"#"name": "../elsewhere"#'
bad 3 'models\.1\.name.*models\.0' 's/"Decoded prior"/"VAE reconstruction"/'
bad 3 'models\.1\.name.*real motions' 's/"Decoded prior"/"Real"/'
bad 2 'pool' 's/"pool": 8/"pool": 64/'
bad 3 'bad\.json' '$d'
bad 3 'bad\.json: the document must be an object' '1s/.*/[]/; 2,$d'
bad 3 'bad\.json' '1s/^/x/'
bad 3 'bad\.json' '1,$d'
bad 3 'seed' 's/"seed": 5/"seed": 5, "seed": 6/'
for config in "$folder/no-such.json" "$folder/bvh" "$folder/page.json" "$folder/walk.npy"; do
    refuses 3 "${config##*/}" bench --config "$config" --cache "$result.cache" --quiet
    refuses 3 "${config##*/}" train vae --config "$config" --cache "$result.cache" --quiet
    refuses 3 "${config##*/}" time --config "$config" --cache "$result.cache"
done
# A sweep where an experiment is wanted, and the other way round.
printf '{"name": "s", "base": "good.json", "axes": [{"field": "lcm.ema", "values": [0.5, 0.9]}]}\n' >"$folder/sweep.json"
runs 0 sweep --config "$folder/sweep.json" --cache "$folder/cache" --dry-run
for verb in bench 'train vae' time eval; do
    [ "$verb" = eval ] && set -- --motions "$folder/bvh" || set --
    refuses 3 'sweep\.json: is a sweep.*mlcm sweep' $verb "$@" --config "$folder/sweep.json" --cache "$result.cache"
done
refuses 3 'good\.json: is an experiment.*mlcm bench' sweep --config "$folder/good.json" --cache "$result.cache"
sed 's/"set": "[^"]*"/"set": "no-such.h5"/' "$folder/good.json" >"$folder/lost.json"
sed 's/"protocol"/"control": {"steps": 200, "trajectory": "lost.csv"}, "protocol"/' "$folder/good.json" >"$folder/told.json"
refuses 2 'no stage' train vea --config "$folder/good.json" --cache "$result.cache"
refuses 2 '--config' bench
refuses 2 'threads' bench --config "$folder/good.json" --cache "$result.cache" --threads -1
refuses 2 'limit' bench --config "$folder/good.json" --cache "$result.cache" --limit 0
mkdir "$folder/kept"
refuses 2 'limit.*|pool' bench --config "$folder/good.json" --cache "$folder/kept" --out "$result.folder" --limit 7 --quiet
refuses 4 'good\.json' bench --config "$folder/good.json" --cache "$folder/kept" --out "$folder/good.json/result" --quiet
refuses 4 'good\.json' bench --config "$folder/good.json" --cache "$folder/good.json/result" --quiet
refuses 3 'bad\.json' bench --config "$folder/bad.json" --cache "$result.new/cache" --quiet
refuses 3 'no-such' bench --config "$folder/lost.json" --cache "$result.new/cache" --out "$result.out" --quiet
refuses 2 'limit.*|pool' bench --config "$folder/good.json" --cache "$result.new/cache" --out "$result.out" --limit 7 --quiet
refuses 3 'lost\.csv' time --config "$folder/told.json" --cache "$result.new/cache"
refuses 4 'row\.json: is a file where a folder is to be' report "$folder/row.json" -o "$folder/row.json" --quiet
refuses 2 'data bvh: unknown option --fpz; did you mean --fps' data bvh --motion "$folder/walk.npy" --out "$result.bvh" --fpz 3
refuses 2 'mlcm data build --help' data build --nothing-like-it

# --- closed streams, a limit of size ---------------------------------------------------------------------
# Without standard error the log or the weights would be opened under its number, and the progress printed into them.
"$mlcm" train vae --config "$folder/good.json" --cache "$result.one" --threads 1 >/dev/null 2>&1 </dev/null
"$mlcm" train vae --config "$folder/good.json" --cache "$result.two" --threads 1 >&- 2>&- </dev/null
[ $? = 4 ]
check $? "train without standard streams: what it printed is lost, which is an error"
# the last column is the seconds
cut -d, -f1-6 "$result".one/vae-*.csv >"$folder/one.csv"
cut -d, -f1-6 "$result".two/vae-*.csv >"$folder/two.csv"
same "$folder/one.csv" "$folder/two.csv" "the log of a training without standard streams is another"
rm -rf "$result".*
(ulimit -f 4; exec "$mlcm" data joints --features "$folder/walk.npy" --out "$result.npy" >/dev/null 2>"$folder/err")
[ $? = 4 ] && grep -q '^mlcm: .*result\.npy.*File too large' "$folder/err" && ! compgen -G "$result*" >/dev/null
check $? "a limit of size: $(cat "$folder/err") $(compgen -G "$result*")"
rm -f "$result"*

# Without memory for its buffers OpenBLAS would ask for them without end. (Sanitizers need more than this to start.)
if (ulimit -v 500000 && exec timeout 20 "$mlcm" --help >/dev/null 2>&1); then
    (ulimit -v 500000; exec timeout 20 "$mlcm" time --config bench/experiments/paper_size.json --random-weights --threads 8 >/dev/null 2>"$folder/err")
    [ $? = 4 ] && grep -q "memory for OpenBLAS's buffers" "$folder/err"
    check $? "a limit of memory: $(cat "$folder/err")"
else
    skip "a limit of memory: this build needs more to start"
fi

# --- a full disk --------------------------------------------------------------------------------------
# on_disk KIB PATTERN WORD…: with an empty disk of that size at $folder/disk the program says which file could not be
# written and why, and leaves nothing unfinished there.
on_disk() {
    local size=$1 pattern=$2 got
    shift 2
    unshare -m sh -c 'mount -t tmpfs -o size='"$size"'k none "$0" || exit 99; "$@" >"$0.out" 2>"$0.err" </dev/null
                      code=$?; find "$0" -type f >"$0.files"; exit $code' "$folder/disk" "$mlcm" "$@"
    got=$?
    [ "$got" = 4 ] && [ "$(wc -l <"$folder/disk.err")" = 1 ] && grep -qE -- "^mlcm: .*disk/.*($pattern).*No space left on device" "$folder/disk.err" &&
        ! grep -E '[.]tmp-|h5$' "$folder/disk.files"
    check $? "a full disk, mlcm $*: exit code $got: $(head -c 400 "$folder/disk.err") $(cat "$folder/disk.files")"
}
mkdir "$folder/disk"
if unshare -m mount -t tmpfs none "$folder/disk" 2>/dev/null; then
    on_disk 4 'x\.npy' data joints --features "$folder/walk.npy" --out "$folder/disk/x.npy"
    on_disk 4 'x\.bvh' data bvh --motion "$folder/walk.npy" --out "$folder/disk/x.bvh"
    on_disk 16 'x\.h5' data build --source procedural --clips 20 --out "$folder/disk/x.h5" --quiet
    for size in 12 40 60; do
        on_disk $size 'vae-[0-9a-f]*\.h5' train vae --config "$folder/good.json" --cache "$folder/disk" --threads 1 --quiet
    done
    on_disk 40 'evaluator-[0-9a-f]*\.h5' bench --config "$folder/good.json" --cache "$folder/disk" --out "$folder/disk/out" --threads 1 --quiet
    on_disk 4 '' report "$folder/row.json" -o "$folder/disk/page" --quiet
else
    skip "a full disk: no disk can be mounted here"
fi

[ -z "$(ls "$folder/kept")" ]
check $? "a run that could not be measured or written trained models: $(ls "$folder/kept")"
finish
