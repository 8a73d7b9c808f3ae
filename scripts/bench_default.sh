#!/usr/bin/env bash
# Tables 1 and 2 on the procedural set, which needs no download.
#
#   MODE=bench      measures the committed models (results/weights/default) where their fingerprints
#                   fit, with few replications, and writes the report; what does not fit is trained first
#   MODE=reproduce  trains them from nothing, packs them, and compares their hashes with the committed
#                   ones: exit code 1 if one differs
#
# MLCM_ARGS: further options of `mlcm bench`; "--replications 20" for as many as papers have.
set -euo pipefail
build=${BUILD:-build}
mode=${MODE:-bench}
mlcm=$build/mlcm
weights=results/weights/default
tables="bench/experiments/default.json bench/experiments/default_table2.json"
# Threads that wait sleep: the machine may be busy.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}

"$mlcm" data build --source procedural --clips 1200 --out build/default.h5 --quiet

if [ "$mode" = bench ]; then
    for config in $tables; do
        out=$build/$(basename "$config" .json | sed 's/^default$/default_table1/')
        echo
        # shellcheck disable=SC2086
        "$mlcm" bench --config "$config" --cache "$build/cache" --out "$out" --replications 2 --strips 3 ${MLCM_ARGS:-}
    done
    "$mlcm" report "$build/default_table1" "$build/default_table2" -o "$build/report"
    echo
    echo "tables with few replications; committed ones with more: results/default_table1.md, results/default_table2.md"
    echo "open $build/report/index.html"
    exit
fi

cache=$build/reproduce_default
mkdir -p "$cache"
"$mlcm" train evaluator --config bench/experiments/default.json --cache "$cache" --fresh
"$mlcm" train lcm --config bench/experiments/default.json --cache "$cache" --fresh
"$mlcm" train control --config bench/experiments/default_table2.json --cache "$cache" --fresh
"$mlcm" train control --variant lc --config bench/experiments/default_table2.json --cache "$cache" --fresh
differ=0
for committed in "$weights"/*.h5; do
    name=$(basename "$committed" .h5)
    packed=$cache/packed_$name.h5
    # What has the experiment's fingerprint is NAME-FINGERPRINT.h5; older files may lie beside it.
    trained=$(ls -t "$cache/$name"-*.h5 | head -n 1)
    "$mlcm" pack "$trained" -o "$packed" >/dev/null
    ours=$(sha256sum <"$packed" | cut -d' ' -f1) theirs=$(sha256sum <"$committed" | cut -d' ' -f1)
    if [ "$ours" = "$theirs" ]; then
        echo "same    $name $ours"
    else
        echo "DIFFERS $name $ours, committed $theirs"
        differ=1
    fi
done
[ "$differ" = 0 ] || echo "mlcm: not the committed weights: another machine, compiler or OpenBLAS kernel rounds otherwise" >&2
exit "$differ"
