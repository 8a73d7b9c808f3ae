#!/usr/bin/env bash
# Table 1 on the Bandai Namco motions.
#
#   MODE=bench      measures the committed models (results/weights/bandai_small) where their
#                   fingerprints fit; what does not fit is trained first
#   MODE=reproduce  trains evaluator, VAE, MLD and MotionLCM anew, then measures
#
# MLCM_BANDAI_DIR: the folder with the archive or the unpacked .bvh files
# (../shared/data/bandai-namco). MLCM_ARGS: further options of `mlcm bench`, for example
# "--replications 2 --limit 256" for a quick look, which is marked as such and has a folder of its own.
set -euo pipefail
build=${BUILD:-build}
mode=${MODE:-bench}
root=${MLCM_BANDAI_DIR:-../shared/data/bandai-namco}
config=bench/experiments/bandai_small.json
set_file=$build/bandai.h5

if [ ! -e "$set_file" ]; then
    if [ ! -d "$root" ]; then
        echo "mlcm: $root: the recordings are not there; run scripts/fetch_bandai.sh FOLDER and set MLCM_BANDAI_DIR=FOLDER" >&2
        exit 4
    fi
    "$build/mlcm" data build --source bandai --root "$root" --out "$set_file"
fi
fresh=
cache=$build/cache
# A quick look does not write over the tables and plots of a full run.
out=$build/bandai_small_table1
[[ " ${MLCM_ARGS:-}" == *" --limit"* ]] && out=${out}_limited
[ "$mode" = reproduce ] && fresh=--fresh && cache=$build/reproduce
# shellcheck disable=SC2086
"$build/mlcm" bench --config "$config" --cache "$cache" --out "$out" $fresh ${MLCM_ARGS:-}
echo
echo "results: $out (document, tables, plots, strips); committed ones: results/"
