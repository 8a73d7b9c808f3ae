#!/bin/bash
# mlcm and PyTorch on the same networks, in turns within one run: A B B A in each round.
#
#   [RUNS=20] PYTHON=/path/to/python-with-torch scripts/speed_beside_torch.sh [ROUNDS [CONFIG [LATENT [further options of mlcm time …]]]]
#
# TEXT= (empty) leaves out the text encoder on the side of PyTorch. Prints the medians over the rounds and torch / mlcm. A development tool: mlcm needs no Python.
set -eu
RUNS=${RUNS:-20} ROUNDS=${1:-2} CONFIG=${2:-bench/experiments/paper_size.json} LATENT=${3:-1x256}
shift $(($# < 3 ? $# : 3))
TEXT=${TEXT---text} PYTHON=${PYTHON:-python3} BUILD=${BUILD:-build}
FOLDER=$(mktemp -d)
trap 'rm -rf "$FOLDER"' EXIT

ours() { "$BUILD/mlcm" time --config "$CONFIG" --random-weights --runs "$RUNS" --json "$FOLDER/a$1.json" "${@:2}" >"$FOLDER/log" || { cat "$FOLDER/log"; exit 1; }; }
theirs() { "$PYTHON" scripts/torch_speed.py --latent "$LATENT" --runs "$RUNS" $TEXT --json >"$FOLDER/b$1.json"; }
for ((i = 0; i < ROUNDS; i++)); do
    ours $((2 * i)) "$@"; theirs $((2 * i)); theirs $((2 * i + 1)); ours $((2 * i + 1)) "$@"
done

"$PYTHON" - "$FOLDER" <<'PYTHON_END'
import glob, json, statistics, sys

ours, theirs, decode, text = {}, {}, [], {}
for path in glob.glob(sys.argv[1] + "/a*.json"):
    for row in json.load(open(path))["timings"]:
        if row["name"] != "AITS":
            continue
        steps = row["model"].split("(")[1]
        key = "mld_50" if "50" in steps else "motionlcm_" + steps[0]
        stage = row.get("stages", row)
        ours.setdefault(key, []).append(stage["denoise"])
        decode.append(stage["decode"])
        text.setdefault("text_guided" if key == "mld_50" else "text", []).append(stage["text"])
ours["decode"] = decode
ours.update(text)
for path in glob.glob(sys.argv[1] + "/b*.json"):
    for key, seconds in json.load(open(path))["seconds"].items():
        theirs.setdefault(key, []).append(seconds)
print(f"{'':14s} {'mlcm s':>10s} {'torch s':>10s} {'torch/mlcm':>10s}")
for key in theirs:
    if key in ours:
        a, b = statistics.median(ours[key]), statistics.median(theirs[key])
        print(f"{key:14s} {a:10.5f} {b:10.5f} {b / a:10.2f}")
PYTHON_END
