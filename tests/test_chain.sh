#!/usr/bin/env bash
# The whole chain on a tiny set: from `data build` to the results document. What it gives
# must not depend on the number of threads, nor on where a run was stopped or killed.
set -u
build=${1:-build}
mlcm=$build/mlcm
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. tests/checks.sh

set=$folder/set.h5
experiment=$folder/chain_micro.json

# experiment_with FILE SED: the experiment on our set, changed by a sed command.
experiment_with() {
    sed -e "s#SET.h5#$set#" -e "${2:-}" tests/chain_micro.json >"$1"
}

# The results document without what differs from run to run.
plain_document() {
    sed -e '/^\t"host":/,/^\t}/d' -e '/^\t"command":/d' -e '/^\t"started":/d' -e '/^\t"seconds":/d' "$1"
}

same_documents() {
    plain_document "$1" >"$folder/left"
    plain_document "$2" >"$folder/right"
    same "$folder/left" "$folder/right" "$3: $(diff "$folder/left" "$folder/right" | head -n 6)"
}

# The file of a stage in a cache; nothing if it is not there.
model() {
    compgen -G "$1/$2-????????????????.h5"
}

# measure CACHE OUT THREADS: bench without latency and strips, and without gnuplot, which takes most of the time.
measure() {
    PATH=/nonexistent "$mlcm" bench --config "$experiment" --cache "$1" --out "$2" --threads "$3" --no-timing \
        --strips 0 --quiet "${@:4}" >"$folder/out" 2>"$folder/err" </dev/null
}

# killed WATCHED WORD…: starts mlcm with the words and kills it (SIGKILL) a moment after the
# file WATCHED appears. Fails if the run was over before.
killed() {
    local watched=$1 pid tries=0
    shift
    rm -f "$watched"
    PATH=/nonexistent "$mlcm" "$@" >/dev/null 2>&1 </dev/null &
    pid=$!
    while [ ! -e "$watched" ] && kill -0 "$pid" 2>/dev/null && [ $((tries += 1)) -lt 6000 ]; do sleep 0.01; done
    kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    [ $? = 137 ]
}

# --- a straight run ---------------------------------------------------------------------
runs 0 data build --source procedural --clips 60 --out "$set" --quiet
runs 0 data build --source procedural --clips 60 --out "$folder/again.h5" --quiet
same "$set" "$folder/again.h5" "the procedural set is not the same twice"
rm "$folder/again.h5"
experiment_with "$experiment"

measure "$folder/one" "$folder/out_one" 1
check $? "bench with one thread: $(cat "$folder/err")"
[ "$(grep -c '^mlcm: no plots: ' "$folder/err")" = 1 ]
check $? "bench without gnuplot does not say once that there are no plots"
straight=$folder/out_one/chain_micro.json
for stage in evaluator vae mld lcm; do
    [ -s "$(model "$folder/one" $stage)" ]
    check $? "bench left no model of $stage"
    grep -q "$(sha256sum "$(model "$folder/one" $stage)" | cut -c 1-64)" "$straight"
    check $? "the document does not name $stage's file by its SHA-256"
done
grep -q '"name":.*"trained on procedural, embedding 16"' "$straight"
check $? "the document does not say that the evaluator was trained here"
[ -z "$(compgen -G "$folder/one/*.state")$(find "$folder" -name '*.tmp-*')" ]
check $? "bench left states or temporary files behind"

# --- number of threads ------------------------------------------------------------------------
measure "$folder/two" "$folder/out_two" 2
check $? "bench with two threads: $(cat "$folder/err")"
for stage in evaluator vae mld lcm; do
    same "$(model "$folder/one" $stage)" "$(model "$folder/two" $stage)" "$stage depends on the number of threads"
done
same_documents "$straight" "$folder/out_two/chain_micro.json" "the results depend on the number of threads"

# --- stopped and killed stages ----------------------------------------------------------------------
mkdir "$folder/broken"
cp "$folder"/one/*.h5 "$folder/broken"
# broken_stage STAGE LOG STOP…: trains STAGE anew with a stop after each of these steps, then one kill.
broken_stage() {
    local stage=$1 whole=$(model "$folder/one" "$1") log=$2 file stop
    shift 2
    file=$folder/broken/$(basename "$whole")
    rm "$file"
    for stop; do
        runs 1 train "$stage" --config "$experiment" --cache "$folder/broken" --threads 1 --stop-after "$stop" --quiet
        [ -s "$file.state" ] && [ ! -e "$file" ]
        check $? "$stage, stopped at $stop: a state is wanted and no model"
    done
    if killed "$file$log" train "$stage" --config "$experiment" --cache "$folder/broken" --threads 2 --quiet; then
        [ -s "$file.state" ] && [ ! -e "$file" ]
        check $? "$stage, killed: a state is wanted and no model"
    else
        skip "$stage was trained before it could be killed"
        [ -e "$file" ]
        check $? "$stage, not killed, left no model"
    fi
    runs 0 train "$stage" --config "$experiment" --cache "$folder/broken" --threads 1 --quiet
    same "$whole" "$file" "$stage: stopped, killed and resumed is not the same as straight on"
    [ ! -e "$file.state" ]
    check $? "$stage: its state was left behind"
}
broken_stage evaluator .csv 15 50
broken_stage vae .csv 1 7
broken_stage mld .csv 5
broken_stage lcm .csv 5

# The same for the whole of bench, killed while it trains the denoiser, with nothing but its cache.
mld=$(basename "$(model "$folder/one" mld)")
mkdir "$folder/killed"
cp "$(model "$folder/one" evaluator)" "$folder/killed"
killed "$folder/killed/$mld.csv" bench --config "$experiment" --cache "$folder/killed" --out "$folder/out_killed" --quiet \
    --no-timing --strips 0 || skip "bench was over before it could be killed"

# --- replications -------------------------------------------------------------------------------------
finished=replications-chain_micro.txt
if killed "$folder/killed/$finished" bench --config "$experiment" --cache "$folder/killed" --out "$folder/out_killed" --quiet \
    --no-timing --strips 0 && [ ! -e "$folder/out_killed/chain_micro.json" ]; then
    measure "$folder/killed" "$folder/out_killed" 1
    check $? "bench after a kill: $(cat "$folder/err")"
    same_documents "$straight" "$folder/out_killed/chain_micro.json" "a killed and resumed bench gives another document"
else
    skip "bench measured everything before it could be killed"
fi
# resumed LINES: with so many lines of the file of finished replications left, bench gives the same document.
for lines in 0 1 2 3; do
    head -n $lines "$folder/one/$finished" >"$folder/killed/$finished"
    measure "$folder/killed" "$folder/out_resumed" 2
    check $? "bench with $lines lines of finished replications: $(cat "$folder/err")"
    same_documents "$straight" "$folder/out_resumed/chain_micro.json" "another document after $lines lines of finished replications"
    same "$folder/one/$finished" "$folder/killed/$finished" "other replications after $lines lines of finished ones"
done
# That they are read at all, and that those of another run are not.
sed '2s/0x1p-3/0x1p-1/' "$folder/one/$finished" >"$folder/killed/$finished"
measure "$folder/killed" "$folder/out_resumed" 1
[ -s "$folder/out_resumed/chain_micro.json" ] &&
    ! cmp -s <(plain_document "$straight") <(plain_document "$folder/out_resumed/chain_micro.json")
check $? "finished replications are measured again"
sed -i '1s/^./x/' "$folder/killed/$finished"
measure "$folder/killed" "$folder/out_resumed" 1
same_documents "$straight" "$folder/out_resumed/chain_micro.json" "replications of another run are taken for this one's"

# Motions are exported of the first replication alone: what is finished stays.
cp "$folder/one/$finished" "$folder/killed/$finished"
measure "$folder/killed" "$folder/out_resumed" 1 --export "$folder/exported" --replications 1
check $? "bench --export: $(cat "$folder/err")"
same "$folder/one/$finished" "$folder/killed/$finished" "--export forgets finished replications"
# The replications are those of these weights, not of others with the same plan.
printf 'x' >>"$(model "$folder/killed" lcm)"
measure "$folder/killed" "$folder/out_resumed" 1
check $? "bench with other bytes of the same model: $(cat "$folder/err")"
! cmp -s <(head -n 1 "$folder/one/$finished") <(head -n 1 "$folder/killed/$finished")
check $? "replications of other weights are taken for these"

# --- what a changed experiment trains again --------------------------------------------------------------
# again SED WORD…: after the change, the verdicts of --dry-run on evaluator, vae, mld, lcm.
again() {
    local change=$1 got
    shift
    experiment_with "$folder/changed.json" "$change"
    runs 0 bench --config "$folder/changed.json" --cache "$folder/one" --dry-run --threads 1
    got=$(sed -nE 's/^  (evaluator|vae|mld|lcm) .*(already|trained)$/\2/p' "$folder/out" | tr '\n' ' ')
    [ "$got" = "$* " ]
    check $? "after $change: $got, not $*"
}
again '' already already already already
again 's/"replications": 3/"replications": 4/' already already already already
again 's/"rate": 0.0005/"rate": 0.0006/' already already already trained
again 's/"empty_probability": 0.1/"empty_probability": 0.2/' already already trained trained
again 's/"kl_weight": 0.0001/"kl_weight": 0.0002/' already trained trained trained
again 's/"matching_steps": 200/"matching_steps": 201/' trained already already already
again 's/"seed": 5/"seed": 6/' trained trained trained trained
again 's/"text_width": 16/"text_width": 24/' already already trained trained

experiment_with "$folder/changed.json" 's/"steps": 100/"steps": 12/'
runs 0 train vae --config "$folder/changed.json" --cache "$folder/broken" --threads 1 --quiet
[ "$(model "$folder/broken" vae | wc -l)" = 2 ]
check $? "a changed number of steps does not train another VAE"

# --- the state of another run ---------------------------------------------------------------------------
fingerprint() { # of a stage in $folder/changed.json
    "$mlcm" bench --config "$folder/changed.json" --cache "$folder/broken" --dry-run | sed -nE "s/^  $1 +([0-9a-f]{16}) .*/\1/p"
}
mkdir "$folder/states"
for stage in evaluator vae; do
    experiment_with "$folder/changed.json" 's/"seed": 5/"seed": 8/'
    runs 1 train $stage --config "$folder/changed.json" --cache "$folder/states" --stop-after 2 --threads 1 --quiet
    mine=$folder/states/$stage-$(fingerprint $stage).h5.state
    experiment_with "$folder/changed.json" 's/"seed": 5/"seed": 9/'
    other=$folder/states/$stage-$(fingerprint $stage).h5.state
    [ "$mine" != "$other" ] && mv "$mine" "$other"
    refuses 3 "$other" train $stage --config "$folder/changed.json" --cache "$folder/states" --threads 1 --quiet
    head -c 1000 "$other" >"$folder/part"
    mv "$folder/part" "$other"
    refuses 3 "$other" train $stage --config "$folder/changed.json" --cache "$folder/states" --threads 1 --quiet
    rm "$other"
    runs 1 train $stage --config "$folder/changed.json" --cache "$folder/states" --stop-after 3 --threads 1 --quiet
done

# --- everything that a run writes ------------------------------------------------------------------------
for stage in vae mld lcm; do cp "$(model "$folder/one" $stage)" "$folder/one/$stage.h5"; done
before=$(sha256sum "$folder"/one/*.h5)
runs 0 bench --config "$experiment" --cache "$folder/one" --out "$folder/out_all" --json "$folder/document.json" --strips 2 --quiet
[ "$(grep -c '^| ' "$folder/out")" = 7 ]
check $? "the printed table has not seven lines"
same "$folder/out_all/chain_micro.json" "$folder/document.json" "--json differs from the document in the folder"
for part in table.md table.csv table.tex strip_1.svg strip_2.svg; do
    [ -s "$folder/out_all/$part" ]
    check $? "bench wrote no $part"
done
for strip in "$folder"/out_all/strip_?.svg; do
    [ "$(tail -c 7 "$strip")" = "</svg>" ] && ! grep -qiE '[^a-z](nan|inf)[^a-z]' "$strip"
    check $? "$(basename "$strip") is no whole drawing"
done
if command -v gnuplot >/dev/null; then
    for part in loss_evaluator loss_vae loss_mld loss_lcm frontier steps_FID; do
        [ -s "$folder/out_all/$part.svg" ]
        check $? "bench drew no $part"
    done
else
    skip "no gnuplot here: no plots"
fi
runs 0 info "$folder/document.json"
grep -q '^  MotionLCM (4 steps) .*FID .*AITS ' "$folder/out"
check $? "info does not show the document's rows"
[ "$before" = "$(sha256sum "$folder"/one/*.h5)" ]
check $? "bench trained again what was there"
runs 0 time --config "$experiment" --cache "$folder/one" --runs 2 --threads 1 --json "$folder/time.json"
for scenario in single batch; do
    runs 0 time --config "$experiment" --cache "$folder/one" --scenario $scenario --runs 2 --threads 1 --quiet --json "$folder/$scenario.json"
    [ ! -s "$folder/err" ]
    check $? "time --quiet says: $(cat "$folder/err")"
done
! grep -q AITS_batch_32 "$folder/single.json" && grep -q AITS_without_text "$folder/single.json" &&
    ! grep -q '"AITS"' "$folder/batch.json" && grep -q AITS_batch_32 "$folder/batch.json"
check $? "time --scenario single and batch: other rows than theirs"
sed 's/"system": "vae"}/"system": "vae", "file": "own.h5"}/' "$experiment" >"$folder/file.json"
refuses 3 'no networks of its own' time --config "$folder/file.json" --json "$folder/result"
refuses 2 'is of --scenario stream' time --config "$experiment" --model results/weights/bandai_small --json "$folder/result"
refuses 2 'is of --random-weights' time --config "$experiment" --frames 60 --json "$folder/result"
runs 0 info "$folder/time.json"
runs 0 bench --config "$experiment" --cache "$folder/one" --out "$folder/out_limited" --limit 8 --replications 1 --no-timing \
    --strips 0 --quiet
[ -s "$folder/out_limited/limited_chain_micro.json" ] && grep -qi limited "$folder/out_limited/table.md"
check $? "a limited run is not marked"

# --- the committed form of these models --------------------------------------------
for steps in 1 2; do
    runs 0 generate "a person walks forward" --model "$folder/one" --frames 40 --seed 3 --steps 2 --threads $steps -o "$folder/walk_$steps.npy"
done
same "$folder/walk_1.npy" "$folder/walk_2.npy" "generate depends on the number of threads"
runs 0 generate "a person walks forward" --model "$folder/one" --teacher --steps 3 --frames 8 -o "$folder/walk.svg"
experiment_with "$folder/changed.json" "s#\"seed\": 5,#\"seed\": 5, \"weights\": \"$folder/one\",#"
runs 0 bench --config "$folder/changed.json" --cache "$folder/states" --dry-run
[ "$(grep -c 'committed weights fit' "$folder/out")" = 3 ]
check $? "models in the folder of weights are not recognised"

# --- models and documents that do not fit ---------------------------------------------------------------------
runs 0 data build --source procedural --clips 60 --seed 2 --out "$folder/other.h5" --quiet
experiment_with "$folder/changed.json" "s#/set.h5\"#/other.h5\"#; s#\"seed\": 5,#\"seed\": 5, \"weights\": \"$folder/one\",#"
runs 0 train vae --config "$folder/changed.json" --cache "$folder/states" --threads 1
grep -q '^mlcm: .*/one/vae\.h5 was trained for another experiment or data set' "$folder/err"
check $? "it is not said that the weights are those of other data"
vae=$(cut -d ' ' -f 2 "$folder/out")
case $vae in
    "$folder"/states/vae-*.h5) [ -s "$vae" ] ;;
    *) false ;;
esac
check $? "for other data the VAE is not trained again but $vae"

# mixed NAME FILE PATTERN OPTION…: with FILE as NAME.h5 among these models, generate must refuse them.
mixed() {
    local name=$1 file=$2 pattern=$3
    shift 3
    mkdir "$folder/mixed"
    cp "$folder"/one/{vae,mld,lcm}.h5 "$folder/mixed"
    rm "$folder/mixed/$name.h5"
    [ -z "$file" ] || cp "$file" "$folder/mixed/$name.h5"
    refuses 3 "$pattern" generate "a person walks" --model "$folder/mixed" -o "$folder/result.npy" "$@"
    rm -r "$folder/mixed"
}
head -c 30000 "$folder/one/lcm.h5" >"$folder/part.h5"
mixed vae "$vae" 'another VAE'
mixed vae "$folder/one/lcm.h5" 'another VAE'
mixed vae "$folder/part.h5" 'vae\.h5'
mixed vae '' 'vae\.h5'
mixed lcm "$folder/one/vae.h5" 'lcm\.h5: no generator'
mixed lcm "$folder/part.h5" 'lcm\.h5'
mixed lcm "$set" 'lcm\.h5'
mixed mld "$folder/part.h5" 'mld\.h5'
mixed mld '' 'mld\.h5' --teacher
refuses 4 'document\.json' generate "a person walks" --model "$folder/one" -o "$folder/document.json/result.npy"

for part in 0 1 5000 $(($(wc -c <"$folder/document.json") - 3)); do
    head -c "$part" "$folder/document.json" >"$folder/part.json"
    refuses 3 'part\.json' info "$folder/part.json"
done

if [ -x "$build/test_library" ]; then
    MLCM_MODELS=$folder/one "$build/test_library" >"$folder/out" 2>&1 && ! grep -q SKIPPED "$folder/out"
    check $? "test_library on these models: $(cat "$folder/out")"
fi
finish
