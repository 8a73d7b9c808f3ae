#!/usr/bin/env bash
# Everything that awaits a machine with a GPU, in the order of its worth:
#
#   scripts/on_device.sh OUT [BUILD]          (BUILD: build_cuda; made with `make CUDA=1` where nvcc is and it lacks)
#
# Each step leaves OUT/STEP.log and its documents as soon as it ends, and a line in OUT/summary.txt: passed, failed or
# skipped, seconds, why. A step that lacks what it needs is skipped, one that fails or takes too long stops no other.
#
#   ONLY="ops verify"   these steps alone: device ops verify sanitizer aits training throughput table1 tuning
#   BUDGET=900          seconds for all: no step begins later, none goes on longer (0: no limit)
#   MLCM=PROGRAM        instead of BUILD/mlcm
#   GOLDEN=DIR          the conformance cases (../shared/golden)
#   BANDAI=DIR          the recordings, for build/bandai.h5 where that is not there (../shared/data/bandai-namco)
#
# Exit code: 0, 1 a step failed, 2 wrong usage, 4 no GPU answers (all steps are skipped).
set -u
[ $# -ge 1 ] && [ $# -le 2 ] && [ "${1#-}" = "$1" ] || { echo "mlcm: a folder for the results is needed: scripts/on_device.sh OUT [BUILD]" >&2; exit 2; }
out=$1 build=${2:-build_cuda}
mlcm=${MLCM:-$build/mlcm}
golden=${GOLDEN:-../shared/golden} bandai=${BANDAI:-../shared/data/bandai-namco}
budget=${BUDGET:-0} only=${ONLY:-}
passed=0 failed=0 skipped=0
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 4
: >"$out/summary.txt"

tell() {
    printf '%-12s %-8s %5s s  %s\n' "$1" "$2" "$3" "$4" | tee -a "$out/summary.txt"
    case $2 in passed) passed=$((passed + 1)) ;; failed) failed=$((failed + 1)) ;; *) skipped=$((skipped + 1)) ;; esac
}

# need WHAT COMMAND…: the step's need is not met when the command fails.
missing=""
need() {
    local what=$1
    shift
    [ -n "$missing" ] || "$@" >/dev/null 2>&1 || missing="$what"
}

# step NAME LIMIT FUNCTION: the function under the limit in seconds, if nothing is missing.
step() {
    local name=$1 limit=$2 start=$SECONDS code
    [ -n "$missing" ] || [ "$budget" = 0 ] || [ "$SECONDS" -lt "$budget" ] || missing="the budget of $budget s is used up"
    if [ -n "$missing" ]; then
        tell "$name" skipped 0 "$missing"
        return
    fi
    if [ "$budget" != 0 ] && [ "$limit" -gt $((budget - SECONDS)) ]; then limit=$((budget - SECONDS)); fi
    export -f "${3?}"
    timeout "$limit" bash -c "$3" >"$out/$name.log" 2>&1 </dev/null
    code=$?
    case $code in
    0) tell "$name" passed $((SECONDS - start)) "$(tail -n 1 "$out/$name.log")" ;;
    124) tell "$name" failed $((SECONDS - start)) "took longer than $limit s; $out/$name.log has how far it came" ;;
    *) tell "$name" failed $((SECONDS - start)) "exit code $code: $(tail -n 1 "$out/$name.log")" ;;
    esac
}

if [ -z "${MLCM:-}" ] && { [ ! -x "$mlcm" ] || [ ! -x "$build/test_ops" ]; } && command -v nvcc >/dev/null; then
    echo "building $build"
    make CUDA=1 BUILD="$build" -j"$(nproc)" "$build/mlcm" "$build/test_ops" >"$out/build.log" 2>&1 || echo "make CUDA=1 failed: $(tail -n 1 "$out/build.log")" >&2
fi
gpu=$("$mlcm" --version 2>/dev/null | sed -n 's/^GPU //p')
absent=""
if [ -z "$gpu" ]; then absent="$mlcm does not start"; elif [[ $gpu == none* ]]; then absent="no GPU answers, or $mlcm was built without CUDA"; fi
# begin NAME: whether the step is wanted; without a GPU nothing else is asked.
begin() {
    missing=$absent
    [ -z "$only" ] || [[ " $only " == *" $1 "* ]]
}
set_there() {
    [ -z "$missing" ] || return
    [ -e build/bandai.h5 ] || { [ -d "$bandai" ] && "$mlcm" data build --source bandai --root "$bandai" --out build/bandai.h5 --quiet; } || \
        missing="build/bandai.h5 is not there, nor the recordings in $bandai"
}
export mlcm build out golden MLCM_DEVICE=cuda
unset MLCM_GPU_MATH

device() {
    "$mlcm" --version
    nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit --format=csv || true
    nproc
    "$mlcm" --version | grep '^GPU'
}
if begin device; then
    step device 60 device
fi

# Values, gradients, the same bits again, packed weights and stacks beside the CPU: on the CPU and on the GPU.
ops() {
    local rc
    "$build/test_ops" >"$out/ops.txt" 2>&1
    rc=$?
    cat "$out/ops.txt"
    if grep -q 'SKIPPED' "$out/ops.txt"; then echo "the tests of the GPU were skipped: $build/test_ops is built without CUDA"; rc=1; fi
    return $rc
}
if begin ops; then
    need "$build/test_ops is not built" test -x "$build/test_ops"
    step ops 600 ops
fi

verify() { "$mlcm" verify "$golden" --device cuda --by-case --json "$out/verify.json"; }
if begin verify; then
    need "no conformance cases in $golden" test -d "$golden"
    step verify 600 verify
fi

# Accesses out of bounds and memory that is not released; races in shared memory; reads of what nobody wrote; barriers.
sanitizer() {
    local tool rc=0
    for tool in "memcheck --leak-check full" racecheck initcheck synccheck; do
        # shellcheck disable=SC2086
        timeout 240 compute-sanitizer --error-exitcode 9 --tool $tool "$build/test_ops" test_cuda || { echo "$tool: failed"; rc=1; }
    done
    return $rc
}
if begin sanitizer; then
    need "compute-sanitizer is not there" command -v compute-sanitizer
    need "$build/test_ops is not built" test -x "$build/test_ops"
    step sanitizer 1000 sanitizer
fi

# One sentence from its caption to the features, by stages, with the text encoder and without (two rows of the document).
aits() {
    local rc=0 config=bench/experiments/paper_size.json
    timed() { echo "== $1"; "$mlcm" time --config "$config" --random-weights --scenario single --quiet --json "$out/aits_$1.json" "${@:2}" || rc=1; }
    timed cuda_fp32 --device cuda
    timed cuda_tf32 --device cuda --gpu-math tf32
    timed cuda_bf16 --device cuda --gpu-math bf16 --precision bf16 --text-precision bf16
    timed cpu_fp32 --device cpu --runs 20
    timed cpu_bf16 --device cpu --runs 20 --precision bf16 --text-precision bf16
    return $rc
}
if begin aits; then
    step aits 600 aits
fi

# A step of the VAE's training at the published size, batch 128, on generated clips.
training() {
    local rc=0 math
    [ -e "$out/set.h5" ] || "$mlcm" data build --source procedural --clips 400 --out "$out/set.h5" --quiet || return 1
    for math in fp32 tf32 bf16; do
        echo "{\"base\": \"$PWD/bench/experiments/bandai_paper_table1.json\", \"name\": \"training\", \"device\": \"cuda\", \"gpu_math\": \"$math\"," \
            "\"data\": {\"source\": \"procedural\", \"set\": \"$out/set.h5\"}}" >"$out/training_$math.json"
        echo "== $math"
        "$mlcm" time --config "$out/training_$math.json" --cache "$out/cache" --training || rc=1
    done
    return $rc
}
if begin training; then
    step training 300 training
fi

# Batches of 32, and the operations alone at training sizes.
throughput() {
    local rc=0 math
    "$mlcm" time --config bench/experiments/paper_size.json --random-weights --together --device cuda --runs 30 --quiet --json "$out/together.json" || rc=1
    for math in fp32 tf32 bf16; do [ ! -x "$build/test_ops" ] || "$build/test_ops" sizes cuda $math || rc=1; done
    return $rc
}
if begin throughput; then
    step throughput 400 throughput
fi

table1() {
    "$mlcm" bench --config bench/experiments/bandai_paper_table1.json --device cuda --out "$out/bandai_paper_table1" --json "$out/bandai_paper_table1.json"
}
if begin table1; then
    set_there
    step table1 1800 table1
fi

tuning() {
    "$mlcm" bench --config bench/experiments/bandai_small_tuning.json --device cuda --replications 20 --out "$out/bandai_small_tuning" --json "$out/bandai_small_tuning.json"
}
if begin tuning; then
    set_there
    step tuning 1800 tuning
fi

echo "$passed passed, $failed failed, $skipped skipped" | tee -a "$out/summary.txt"
[ -z "$absent" ] || { echo "mlcm: $absent" >&2; exit 4; }
[ "$failed" = 0 ]
