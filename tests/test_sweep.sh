#!/usr/bin/env bash
# mlcm sweep on a tiny set: grids and lists, what is not done again, kills, failures, several processes, Slurm
# (a stand-in), MPI (where mpirun is), and sweep files that are wrong.
set -u
build=${1:-build}
mlcm=$(realpath "$build")/mlcm
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. tests/checks.sh
export OMP_NUM_THREADS=1

set=$folder/set.h5
sed -e "s#SET.h5#$set#" -e 's/"autoencoder_steps": 40, "matching_steps": 200/"autoencoder_steps": 5, "matching_steps": 10/' \
    -e 's/"steps": 1[05]0/"steps": 8/; s/"warmup": 10/"warmup": 2/' tests/chain_micro.json >"$folder/base.json"
cat >"$folder/sweep.json" <<'END'
{"name": "small", "description": "for the test", "base": "base.json",
 "set": {"protocol.replications": 2, "models": [{"name": "1 step", "system": "motionlcm", "steps": 1},
                                                {"name": "2 steps", "system": "motionlcm", "steps": 2}]},
 "axes": [{"name": "EMA", "field": "lcm.ema", "values": [0.95, 0]},
          {"name": "range", "values": [{"name": "w in [1, 5]", "set": {}}, {"name": "w = 3", "set": {"lcm.w_low": 3, "lcm.w_high": 3}}]}],
 "seeds": {"field": "lcm.seed", "values": [1, 2]},
 "metrics": ["R_precision_top_3", "FID", "MultiModality"]}
END

# The document without what differs from run to run.
plain() {
    sed -e '/^\t"host":/,/^\t}/d' -e '/^\t"command":/d' -e '/"started":/d' -e '/"seconds":/d' "$1"
}

same_sweeps() {
    plain "$1/small.json" >"$folder/left"
    plain "$2/small.json" >"$folder/right"
    same "$folder/left" "$folder/right" "$3: $(diff "$folder/left" "$folder/right" | head -n 6)"
    for form in md tex csv; do same "$1/table.$form" "$2/table.$form" "$3: table.$form differs"; done
}

# sweep CACHE OUT WORD…: without gnuplot, which takes most of the time.
sweep() {
    local cache=$1 out=$2
    shift 2
    PATH=/nonexistent "$mlcm" sweep --config "$folder/sweep.json" --cache "$cache" --out "$out" --quiet "$@" \
        >"$folder/out" 2>"$folder/err" </dev/null
}

# --- a straight sweep ---------------------------------------------------------------
runs 0 data build --source procedural --clips 60 --out "$set" --quiet
runs 0 sweep --config "$folder/sweep.json" --cache "$folder/one" --dry-run
[ "$(grep -c ' to do ' "$folder/out")" = 8 ] && grep -q '4 cells, 2 seeds, 8 runs, 0 of them done' "$folder/out"
check $? "--dry-run does not list eight runs: $(cat "$folder/out")"
sweep "$folder/one" "$folder/out_one"
check $? "a sweep: $(cat "$folder/err")"
for part in small.json table.md table.tex table.csv logs/run_0007.txt; do
    [ -e "$folder/out_one/$part" ]
    check $? "a sweep leaves no $part"
done
[ "$(grep -c '^| 0' "$folder/out_one/table.md")" = 14 ]   # 2 models: 4 cells, and 3 differences to the first
check $? "the table has other rows: $(cat "$folder/out_one/table.md")"
[ "$(wc -l <"$folder/out_one/table.csv")" = $((1 + 2 + 8 * 3)) ]
check $? "table.csv has other lines: $(cat "$folder/out_one/table.csv")"
[ "$(compgen -G "$folder/one/lcm-*.h5" | wc -l)" = 8 ] && [ "$(compgen -G "$folder/one/mld-*.h5" | wc -l)" = 1 ] &&
    [ "$(compgen -G "$folder/one/evaluator-????????????????.h5" | wc -l)" = 1 ]
check $? "not eight distillations from one MLD and one evaluator"
[ -z "$(compgen -G "$folder/one/*.lock")$(compgen -G "$folder/one/*.state")$(compgen -G "$folder/one/replications-*")" ]
check $? "locks, states or replications were left in the cache"
runs 0 info "$folder/out_one/small.json"
grep -q 'EMA 0, w = 3, 2 steps' "$folder/out"
check $? "info does not show the rows of the sweep's document"

# That what is printed is what the documents say: the mean and Student's interval of two seeds, 12.7062 s / sqrt 2.
python3 - "$folder/out_one/small.json" <<'END' >"$folder/out" 2>&1
import json, math, sys
d = json.load(open(sys.argv[1]))
rows = {r["model"]: {m["name"]: m for m in r["metrics"]} for r in d["rows"]}
assert len(d["sweep"]["cells"]) == 4 and len(rows) == 9, len(rows)
for cell in d["sweep"]["cells"]:
    assert len(cell["runs"]) == 2 and all(r["state"] == "done" and len(r["fingerprint"]) == 64 for r in cell["runs"])
    for row in cell["rows"]:
        for m in row["metrics"]:
            a, b = m["seeds"]
            all_ = rows[cell["name"] + ", " + row["model"]][m["name"]]
            assert len(all_["replications"]) == 4
            assert math.isclose(m["mean"], (a + b) / 2, abs_tol=1e-12)
            assert math.isclose(m["mean"], sum(all_["replications"]) / 4, abs_tol=1e-9)
            assert math.isclose(m["ci95_seeds"], 12.7062047362 * abs(a - b) / 2, rel_tol=1e-6, abs_tol=1e-12), (m, a, b)
            assert math.isclose(m["ci95_replications"], all_["ci95"], abs_tol=1e-12)
a, b = (x["runs"][0]["fingerprint"] for x in d["sweep"]["cells"][:2])
assert a != b
assert d["sweep"]["cells"][3]["set"] == {"lcm.ema": 0, "lcm.w_low": 3, "lcm.w_high": 3}
END
case $? in
    127) skip "no python3: the sweep's document is not recomputed" ;;
    0) check 0 "" ;;
    *) check 1 "the document's numbers: $(cat "$folder/out")" ;;
esac

# --- two processes that need the same stages ----------------------------------------------------
"$mlcm" train mld --config "$folder/base.json" --cache "$folder/shared" >"$folder/first" 2>&1 </dev/null &
pid=$!
"$mlcm" train mld --config "$folder/base.json" --cache "$folder/shared" >"$folder/second" 2>&1 </dev/null
[ $? = 0 ] && wait $pid
check $? "two processes that train the same: $(cat "$folder/first" "$folder/second")"
for stage in vae mld; do
    same "$(ls "$folder"/one/$stage-*.h5)" "$(ls "$folder"/shared/$stage-*.h5)" "$stage of two processes at once"
done
[ -z "$(compgen -G "$folder/shared/*.lock")$(compgen -G "$folder/shared/*.state")" ]
check $? "two processes that train the same leave locks or states behind"

# --- nothing is done again --------------------------------------------------------------------
before=$(stat -c '%n %Y %i' "$folder"/one/*)
sweep "$folder/one" "$folder/out_again" --jobs 3
check $? "the same sweep again: $(cat "$folder/err")"
same_sweeps "$folder/out_one" "$folder/out_again" "a sweep of done runs"
[ "$before" = "$(stat -c '%n %Y %i' "$folder"/one/*)" ]
check $? "a sweep of done runs changed the cache"
# another seed adds runs, and leaves the others
sed 's/"values": \[1, 2\]/"values": [1, 2, 3]/' "$folder/sweep.json" >"$folder/more.json"
runs 0 sweep --config "$folder/more.json" --cache "$folder/one" --dry-run
grep -q '12 runs, 8 of them done' "$folder/out"
check $? "a third seed does not keep the runs of two: $(head -n 1 "$folder/out")"
# guidance at sampling needs no other training
sed 's/{"protocol/{"lcm.guidance": 4, "protocol/' "$folder/sweep.json" >"$folder/guidance.json"
mkdir "$folder/two"
cp "$folder"/one/{evaluator,vae,mld,lcm}-*.h5 "$folder/two"
before=$(ls "$folder"/two/lcm-*.h5)
# what a process leaves that is killed after it wrote a model and before it tidied up
for model in "$folder"/two/{evaluator,vae}-*.h5; do touch "$model.lock" "$model.state"; done
runs 0 sweep --config "$folder/guidance.json" --cache "$folder/two" --out "$folder/out_guidance" --cell 1 --jobs 2 --quiet
[ "$before" = "$(ls "$folder"/two/lcm-*.h5)" ] && [ "$(ls "$folder"/two/sweep-*.json | wc -l)" = 2 ] && [ ! -e "$folder/out_guidance/small.json" ]
check $? "--cell with another guidance: not two documents from the same models"
for document in "$folder"/two/sweep-*.json; do touch "$document.lock"; done
runs 0 sweep --config "$folder/guidance.json" --cache "$folder/two" --out "$folder/out_guidance" --cell 1 --jobs 2 --quiet
[ -z "$(find "$folder/two" -name '*.lock' -o -name '*.state')" ]
check $? "what a killed process left beside finished files stays: $(cd "$folder/two" && echo *.lock *.state)"

# --- several processes, killed at random moments ------------------------------------------------
# What a kill leaves is only the cache; each start goes a little further.
kills=0 tries=0 ended=1
while [ $ended != 0 ] && [ $((tries += 1)) -lt 40 ]; do
    PATH=/nonexistent "$mlcm" sweep --config "$folder/sweep.json" --cache "$folder/killed" --out "$folder/out_killed" --jobs 2 --quiet \
        >/dev/null 2>"$folder/err" </dev/null &
    pid=$!
    sleep "0.$((RANDOM % 90 + 10))"
    [ $tries -lt 12 ] && kill -KILL $pid 2>/dev/null && kills=$((kills + 1))
    wait $pid 2>/dev/null
    ended=$?
done
check $ended "a sweep that was killed $kills times never ends: $(cat "$folder/err")"
[ $kills -gt 0 ] || skip "the sweep was over before it could be killed"
same_sweeps "$folder/out_one" "$folder/out_killed" "killed $kills times and resumed"
[ -z "$(find "$folder/killed" -name '*.lock' -o -name '*.state')" ]
check $? "locks or states of killed processes were left behind"

# Its processes end with it.
sleep 0.2
[ -z "$(pgrep -f "$folder/killed")" ]
check $? "processes of a killed sweep live on"

# --- a failing cell ------------------------------------------------------------------------------
sed 's/{"name": "w = 3", "set": {/{"name": "w = 3", "set": {"models.1.steps": 999, /' "$folder/sweep.json" >"$folder/failing.json"
runs 1 sweep --config "$folder/failing.json" --cache "$folder/one" --out "$folder/out_failing" --jobs 2 --quiet
[ "$(grep -c '^mlcm: run [0-9]* (EMA .*, w = 3, seed [12]) failed: ' "$folder/err")" = 4 ] &&
    grep -q '^mlcm: 4 of 8 runs failed, first run 2 (EMA 0.95, w = 3, seed 1): ' "$folder/err"
check $? "failing runs are not reported: $(cat "$folder/err")"
[ "$(grep -c '^| 0.95 | w in' "$folder/out_failing/table.md")" = 2 ] && [ "$(grep -c 'seed [12]: failed' "$folder/out_failing/table.md")" = 4 ]
check $? "the table of a sweep with failing runs: $(cat "$folder/out_failing/table.md")"

# --- a run that is there by half -------------------------------------------------------------------
document=$(ls "$folder"/killed/sweep-*.json | head -n 1)
head -c 700 "$document" >"$folder/part" && mv "$folder/part" "$document"
rm "$(ls "$folder"/killed/sweep-*.json | tail -n 1)"
runs 1 sweep --config "$folder/sweep.json" --cache "$folder/killed" --out "$folder/out_part" --collect --quiet
grep -q '2 of 8 runs are missing' "$folder/err" && [ "$(grep -c 'not measured' "$folder/out_part/table.md")" = 2 ]
check $? "--collect does not say what is missing: $(cat "$folder/err")"
sweep "$folder/killed" "$folder/out_killed"
same_sweeps "$folder/out_one" "$folder/out_killed" "documents that were cut and removed"
runs 1 sweep --config "$folder/sweep.json" --cache "$folder/empty" --out "$folder/out_empty" --collect

# --- a listed sweep, without seeds, on the validation split, with a figure ------------------------
cat >"$folder/list.json" <<'END'
{"name": "list", "base": "base.json", "split": "val", "reference": "L2",
 "set": {"protocol.replications": 1, "protocol.pool": 2, "protocol.mm_samples": 0, "protocol.diversity_times": 2,
         "models": [{"name": "MotionLCM", "system": "motionlcm"}]},
 "cells": [{"name": "Huber", "set": {}}, {"name": "L2", "set": {"lcm.loss": "l2"}}],
 "metrics": ["FID"]}
END
runs 0 sweep --config "$folder/list.json" --cache "$folder/one" --out "$folder/out_list" --quiet
grep -q 'val split' "$folder/out_list/table.md" && grep -q 'interval over replications' "$folder/out_list/table.md" &&
    [ -s "$folder/out_list/val_list.json" ]
check $? "a listed sweep on val: $(cat "$folder/out_list/table.md")"
if command -v gnuplot >/dev/null; then
    [ -s "$folder/out_list/sweep_FID.svg" ] && [ -s "$folder/out_list/sweep_FID.png" ] && grep -q Huber "$folder/out_list/sweep_FID.svg"
    check $? "a sweep draws no figure: $(cat "$folder/err")"
else
    skip "no gnuplot here: no figures of a sweep"
fi

# --- seeds of the draws and of all training: the real motions differ from seed to seed and stay beside the models' ---
sed -e 's/"axes":.*/"axes": [{"field": "lcm.ema", "values": [0.95]}],/; /"name": "range"/d' -e 's/"lcm\.seed"/"seed"/; s/"MultiModality"/"Diversity"/' \
    -e 's/"name": "small"/"name": "seeds"/' "$folder/sweep.json" >"$folder/seeds.json"
runs 0 sweep --config "$folder/seeds.json" --cache "$folder/one" --out "$folder/out_seeds" --quiet
# replications METRIC: how many each row of the document has
replications() {
    awk -v metric="\"$1\"," '/^\t"sweep":/ { exit } /"name":/ { hit = index($0, metric) > 0 } hit && /"replications":.*\[/ { printf "%d ", split($0, v, ","); hit = 0 }' "$2"
}
[ "$(replications Diversity "$folder/out_seeds/seeds.json")" = "4 4 4 " ]
check $? "the rows of two seeds with two replications each: $(replications Diversity "$folder/out_seeds/seeds.json")"
[ "$(replications MM_dist "$folder/out_one/small.json")" = "2 4 4 4 4 4 4 4 4 " ]
check $? "where the seeds are MotionLCM's the real row is that of one run: $(replications MM_dist "$folder/out_one/small.json")"

# --- the form of Table 3 that was written by hand ----------------------------------------------------
sweep_file=bench/experiments/humanml3d_table3_sweep.json
python3 - $sweep_file bench/experiments <<'END' >"$folder/out" 2>&1
import json, os, sys
s, folder = json.load(open(sys.argv[1])), sys.argv[2]
base = json.load(open(os.path.join(folder, s["base"])))
hand = {}
for name in sorted(os.listdir(os.path.join(folder, "humanml3d_table3"))):
    e = json.load(open(os.path.join(folder, "humanml3d_table3", name)))
    hand[name] = {**{"huber_c": 0.001}, **e["lcm"]}
for cell in s["cells"]:
    lcm = {**{"huber_c": 0.001}, **base["lcm"]}
    for field, value in cell["set"].items():
        section, key = field.split(".")
        assert section == "lcm", field
        lcm[key] = value
    found = [n for n, e in hand.items() if e == lcm]
    assert len(found) == 1 or lcm == {**{"huber_c": 0.001}, **base["lcm"]}, cell["name"]
    if found: del hand[found[0]]
assert not hand, hand.keys()
END
case $? in
    127) skip "no python3: the forms of Table 3 are not compared" ;;
    0) check 0 "" ;;
    *) check 1 "$sweep_file is not the folder humanml3d_table3: $(cat "$folder/out")" ;;
esac

# --- Slurm: a stand-in for sbatch runs what it is given at once ------------------------------------------
mkdir "$folder/bin"
cat >"$folder/bin/sbatch" <<'END'
#!/usr/bin/env bash
# sbatch --parsable [--dependency=afterany:N] SCRIPT
script=${!#}
echo "$*" >>"$SLURM_LOG"
tasks=$(sed -n 's/^#SBATCH --array=0-\([0-9]*\).*/\1/p' "$script")
for k in $(seq 0 "${tasks:-0}"); do SLURM_ARRAY_TASK_ID=$k sh "$script" >>"$SLURM_LOG.tasks" 2>&1; done
echo "41${tasks:+7};cluster"
END
chmod +x "$folder/bin/sbatch"
export SLURM_LOG=$folder/slurm
odd="$folder/it's \$HOME"
runs 0 sweep --config "$folder/sweep.json" --cache "$odd" --out "$odd/out" --slurm --dry-run --jobs 2
[ ! -e "$folder/slurm" ] && grep -q -- '--array=0-3%2' "$odd/out/cells.sbatch" && bash -n "$odd/out/cells.sbatch" "$odd/out/table.sbatch"
check $? "--slurm --dry-run: $(cat "$odd/out/cells.sbatch")"
cp "$folder"/one/*-*.h5 "$odd"
PATH=$folder/bin:$PATH runs 0 sweep --config "$folder/sweep.json" --cache "$odd" --out "$odd/out" --slurm
grep -q 'job 417: 4 cells' "$folder/out" && grep -q -- '--dependency=afterany:417 ' "$folder/slurm"
check $? "--slurm does not submit the table after the cells: $(cat "$folder/out" "$folder/slurm")"
same_sweeps "$folder/out_one" "$odd/out" "cells as tasks of Slurm"
printf '#!/bin/sh\nexit 1\n' >"$folder/bin/sbatch"
PATH=$folder/bin:$PATH refuses 4 'sbatch refused' sweep --config "$folder/sweep.json" --cache "$odd" --out "$odd/out" --slurm --quiet
PATH=/nonexistent "$mlcm" sweep --config "$folder/sweep.json" --cache "$odd" --out "$odd/out" --slurm >"$folder/out" 2>"$folder/err"
[ $? = 4 ] && [ "$(wc -l <"$folder/err")" = 1 ] && grep -q '^mlcm: sbatch is not installed' "$folder/err"
check $? "--slurm without sbatch: $(cat "$folder/err")"

# --- processes of MPI ------------------------------------------------------------------------------------
mkdir "$folder/ranks"
cp "$folder"/one/{evaluator,vae,mld}-*.h5 "$folder/ranks"
# as its environment looks, without it
OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 PMIX_NAMESPACE=test sweep "$folder/ranks" "$folder/out_ranks"
[ $? = 0 ] && [ ! -e "$folder/out_ranks/small.json" ] && [ "$(ls "$folder"/ranks/sweep-*.json | wc -l)" = 4 ]
check $? "process 1 of 2 does not make half of the runs: $(cat "$folder/err")"
OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=2 PMIX_NAMESPACE=test sweep "$folder/ranks" "$folder/out_ranks"
check $? "process 0 of 2: $(cat "$folder/err")"
same_sweeps "$folder/out_one" "$folder/out_ranks" "two processes of MPI, by their environment"
[ -z "$(compgen -G "$folder/out_ranks/rank-*")" ]
check $? "processes of MPI leave their reports behind"
OMPI_COMM_WORLD_RANK=2 OMPI_COMM_WORLD_SIZE=2 sweep "$folder/ranks" "$folder/out_ranks"
[ $? = 4 ]
check $? "process 2 of 2 is taken for one"
if command -v mpirun >/dev/null; then
    mpi() { timeout 300 mpirun --allow-run-as-root --oversubscribe -np 2 "$mlcm" sweep --config "$1" --cache "$folder/mpi" --out "$2" --quiet; }
    mpi "$folder/sweep.json" "$folder/out_mpi" >"$folder/out" 2>"$folder/err" </dev/null
    check $? "mpirun -np 2: $(cat "$folder/err")"
    same_sweeps "$folder/out_one" "$folder/out_mpi" "mpirun -np 2"
    mpi "$folder/failing.json" "$folder/out_mpi_failing" >"$folder/out" 2>"$folder/err" </dev/null
    [ $? = 1 ] && grep -q '4 of 8 runs failed' "$folder/err"
    check $? "mpirun with failing runs: $(cat "$folder/err")"
    same "$folder/out_failing/table.md" "$folder/out_mpi_failing/table.md" "mpirun with failing runs gives another table"
else
    skip "no mpirun here: MPI's environment was imitated only"
fi

# --- sweep files that are wrong ----------------------------------------------------------------------------
# wrong PATTERN SED: the sweep file changed so is refused.
wrong() {
    sed "$2" "$folder/sweep.json" >"$folder/wrong.json"
    cmp -s "$folder/sweep.json" "$folder/wrong.json" && check 1 "wrong: $2 changes nothing"
    refuses 3 "wrong\.json: .*$1" sweep --config "$folder/wrong.json" --cache "$folder/one" --out "$folder/result" --quiet
}
wrong 'cell "EMA 0.95, .*lcm\.emma" is not a known key; did you mean "ema"' 's/lcm\.ema/lcm.emma/'
wrong 'no known key|is not a known key' 's/lcm\.ema/nothing.ema/'
wrong 'axes\.0\.values is empty' 's/\[0\.95, 0\]/[]/'
wrong 'lcm\.ema" must be a number' 's/\[0\.95, 0\]/[0.95, "none"]/'
wrong 'lcm\.ema" ' 's/\[0\.95, 0\]/[0.95, 7]/'
wrong 'two of this name' 's/\[0\.95, 0\]/[0.95, 0.95]/'
wrong 'same experiment as cell "EMA 0.95, w in \[1, 5\]"' 's/{"lcm.w_low": 3, "lcm.w_high": 3}/{"lcm.w_low": 1}/'
wrong 'exchange them' 's/{"lcm.w_low": 3, "lcm.w_high": 3}/{"lcm.w_low": 30}/'
wrong 'another axis sets lcm\.ema' 's/{"lcm.w_low": 3,/{"lcm.ema": 3,/'
wrong 'no path of a field' 's/lcm\.ema/lcm..ema/'
wrong 'no section' 's/lcm\.ema/lcm.w_low.ema/'
wrong 'models\.7\.steps: the list has 2' 's/{"lcm.w_low": 3,/{"models.7.steps": 3,/'
wrong 'cells.* at most 1000' "s/\[0\.95, 0\]/[$(seq -s, 1 501)]/"
wrong 'axes and cells' 's/"seeds"/"cells": [], "seeds"/'
wrong 'no axes and no cells' 's/"axes"/"description"/; s/"description": "for the test", //; s/"description": \[.*/"split": "test",/; /"range"/d'
wrong 'seeds\.values has 1 twice' 's/"values": \[1, 2\]/"values": [1, 1]/'
wrong 'whole number' 's/"values": \[1, 2\]/"values": [1, 2.5]/'
wrong 'seeds\.values' 's/"values": \[1, 2\]/"values": []/'
wrong 'lcm\.sed' 's/lcm\.seed/lcm.sed/'
wrong 'no metric "FIDD"' 's/"FID"/"FIDD"/'
wrong 'no cell "none"' 's/"seeds"/"reference": "none", "seeds"/'
wrong 'axis' 's/"axes"/"axis"/'
wrong 'base' 's/base\.json/none.json/'
wrong 'name' 's/"name": "small"/"name": "a\/b"/'
wrong 'longer than 63' 's/"name": "w = 3"/"name": "'"$(printf 'w%.0s' $(seq 70))"'"/'
refuses 2 'a sweep file is needed' sweep
refuses 2 'jobs: 0' sweep --config "$folder/sweep.json" --jobs 0
refuses 2 'the cells are 0 to 3' sweep --config "$folder/sweep.json" --cell 4
refuses 2 'the runs are 0 to 7' sweep --config "$folder/sweep.json" --run 8
refuses 3 'none\.json' sweep --config "$folder/none.json"
sed 's#set\.h5#none.h5#' "$folder/base.json" >"$folder/without.json"
sed 's/base\.json/without.json/' "$folder/sweep.json" >"$folder/wrong.json"
refuses 3 'none\.h5.*data build' sweep --config "$folder/wrong.json" --cache "$folder/one" --out "$folder/result" --quiet
refuses 4 '' sweep --config "$folder/sweep.json" --cache "$folder/one" --out "$folder/sweep.json/result" --quiet
finish
