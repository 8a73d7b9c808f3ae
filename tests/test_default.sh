#!/usr/bin/env bash
# The models that come along, measured on a few test motions, must not be worse than the committed measurement.
# tests/test_default.sh [BUILD]
set -u
cd "$(dirname "$0")/.." || exit 1
mlcm=${1:-build}/mlcm
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. tests/checks.sh

# Experiments name build/default.h5; here the set lies in the test's own folder. Without MultiModality, which takes longest.
here() { sed "s#build/default.h5#$folder/default.h5#; s/\"mm_samples\": 50/\"mm_samples\": 0/" "bench/experiments/$1" >"$folder/$1"; }

runs 0 data build --source procedural --clips 1200 --out "$folder/default.h5" --quiet
here default.json
here default_table2.json
for table in default default_table2; do
    runs 0 bench --config "$folder/$table.json" --cache "$folder/cache" --dry-run --quiet
    # Where sines round otherwise the set is another one and the weights do not belong to it.
    # (The dry run also lists control_mld, which no row here stands on.)
    if grep -v control_mld "$folder/out" | grep -q "would be trained"; then
        set=$(grep -m 1 -o '"sha256": *"[0-9a-f]\{16\}' results/gate/default.json | tail -c 17)
        if ! grep -q "set $set" "$folder/out"; then
            skip "the procedural set of this machine is not the committed models'"
            break
        fi
        check 1 "the committed weights do not fit $table.json: $(grep "would be" "$folder/out" | tr -s ' ' | tr '\n' ';')"
        continue
    fi
    runs 0 bench --config "$folder/$table.json" --cache "$folder/cache" --out "$folder/$table" --limit 96 --replications 1 \
        --no-timing --strips 0 --quiet --json "$folder/$table.out.json"
    runs 0 compare "results/gate/$table.json" "$folder/$table.out.json" --gate --strict --tolerance 5%
done
finish
