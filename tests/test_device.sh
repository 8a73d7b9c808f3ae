#!/usr/bin/env bash
# --device, --gpu-math and their environment; what an absent GPU says; the chain on CUDA's own code run by the host
# (tests/cuda_host): its models are other results than the CPU's, and both programs find them.
set -u
build=${1:-build}
mlcm=$build/mlcm
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. tests/checks.sh
unset MLCM_DEVICE MLCM_GPU_MATH

runs 0 data build --source procedural --clips 40 --out "$folder/set.h5" --quiet
sed -e "s#SET.h5#$folder/set.h5#" -e 's#"autoencoder_steps": 40, "matching_steps": 200#"autoencoder_steps": 2, "matching_steps": 2#' \
    -e 's#"steps": 100,#"steps": 2,#' -e 's#"steps": 150,#"steps": 2,#; s#"warmup": 10#"warmup": 1#' tests/chain_micro.json >"$folder/chain.json"
sed -e 's#^{#{"device": "cuda", "gpu_math": "tf32",#' "$folder/chain.json" >"$folder/gpu.json"
chain="--config $folder/chain.json --cache $folder/cache --quiet"

# --- words ------------------------------------------------------------------------------------
for verb in "train vae" bench time; do
    # shellcheck disable=SC2086
    refuses 2 '^mlcm: --device is "gpu"; use cpu or cuda$' $verb --config "$folder/chain.json" --device gpu
done
refuses 2 '^mlcm: --device is "gpu"' verify tests --device gpu
refuses 2 '^mlcm: --device is "gpu"' generate "a person walks" -o "$folder/result.npy" --device gpu
refuses 2 '^mlcm: --gpu-math is "fp8"; use fp32, tf32 or bf16$' time --config "$folder/chain.json" --device cuda --gpu-math fp8
refuses 2 'the CPU computes in fp32 alone; add --device cuda' time --config "$folder/chain.json" --gpu-math tf32
refuses 4 'only test programs have this device' time --config "$folder/chain.json" --device check
MLCM_DEVICE=gpu refuses 2 '^mlcm: MLCM_DEVICE is "gpu"; use cpu or cuda$' verify tests
sed 's#"cuda"#"check"#' "$folder/gpu.json" >"$folder/odd.json"
refuses 3 'device' bench --config "$folder/odd.json" --dry-run

# --- without a GPU ----------------------------------------------------------------------------
if "$mlcm" --version | grep -q '^GPU none'; then
    said='^mlcm: cuda: (this program was built without CUDA|no GPU answers)'
    refuses 4 "$said" verify tests --device cuda
    # shellcheck disable=SC2086
    refuses 4 "$said" train vae $chain --device cuda
    # shellcheck disable=SC2086
    MLCM_DEVICE=cuda refuses 4 "$said" train vae $chain
    refuses 4 "$said" train vae --config "$folder/gpu.json" --cache "$folder/cache" --quiet
    refuses 4 "$said" generate "a person walks" -o "$folder/result.npy" --device cuda
    # what the run reads is not there either: the device comes first, since no file would mend that
    sed -e 's#^{#{"device": "cuda",#' -e "s#$folder/set.h5#$folder/absent.h5#" "$folder/chain.json" >"$folder/absent.json"
    absent="--config $folder/absent.json --cache $folder/cache --quiet"
    # shellcheck disable=SC2086
    for verb in bench "bench --dry-run" "train vae" time "time --training" "time --random-weights" "time --scenario stream --model $folder/absent" \
        "eval --motions $folder/absent"; do
        refuses 4 "$said" $verb $absent
    done
    refuses 4 "$said" eval --motions "$folder/absent" --data "$folder/absent.h5" --evaluator "$folder/absent.tar" --device cuda
    refuses 4 "$said" time --scenario stream --model "$folder/absent" --device cuda
    refuses 4 "$said" verify "$folder/absent" --device cuda
    refuses 4 "$said" generate "a person walks" --model "$folder/absent" -o "$folder/result.npy" --device cuda
    # shellcheck disable=SC2086
    refuses 3 'absent.h5' bench $absent --device cpu
    refuses 3 'absent: there is no such folder' generate "a person walks" --model "$folder/absent" -o "$folder/result.npy"
    MLCM_DEVICE=cuda runs 0 bench --config "$folder/chain.json" --cache "$folder/cache" --dry-run --device cpu
    MLCM_DEVICE=cpu runs 0 bench --config "$folder/gpu.json" --cache "$folder/cache" --dry-run
    # shellcheck disable=SC2086
    MLCM_DEVICE=cpu refuses 4 "$said" train vae $chain --device cuda
else
    skip "what an absent GPU says: there is one"
fi

# --- trained on one device, measured on another ------------------------------------------------
# fits STAGE HOW: the last --dry-run says this of the stage.
fits() {
    grep -Eq "^  $1 +[0-9a-f]{16}  $2\$" "$folder/out"
    check $? "$1 is not \"$2\": $(grep "^  $1 " "$folder/out")"
}
# shellcheck disable=SC2086
runs 0 train lcm $chain
cp -r "$folder/cache" "$folder/cpu"
if [ -x "$build/mlcm_cuda_host" ]; then
    mlcm=$build/mlcm_cuda_host
    runs 0 bench --config "$folder/gpu.json" --cache "$folder/cache" --dry-run
    fits vae "trained already"
    fits evaluator "would be trained \(cuda tf32\)"
    runs 0 bench --config "$folder/gpu.json" --cache "$folder/cache" --dry-run --fresh
    fits vae "would be trained \(cuda tf32\)"
    runs 0 train lcm --config "$folder/gpu.json" --cache "$folder/gpu" --quiet
    runs 0 train evaluator --config "$folder/gpu.json" --cache "$folder/gpu" --quiet
    runs 0 train lcm --config "$folder/gpu.json" --cache "$folder/gpu" --quiet --fresh
    mlcm=$build/mlcm
    runs 0 bench --config "$folder/chain.json" --cache "$folder/gpu" --dry-run
    for stage in evaluator vae mld lcm; do fits $stage "trained already \(cuda tf32\)"; done
    runs 0 bench --config "$folder/gpu.json" --cache "$folder/gpu" --dry-run --device cpu --fresh
    fits vae "would be trained"
    runs 0 bench --config "$folder/gpu.json" --cache "$folder/gpu" --device cpu --limit 16 --replications 1 --strips 0 \
        --no-timing --quiet --out "$folder/table" --json "$folder/table.json"
    grep -q '"device":.*"cpu"' "$folder/table.json"
    check $? "the document does not say that the CPU computed"
    # two steps of training agree but for rounding and the pieces of a batch; only that they are there and finite is asked
    for model in "$folder"/gpu/*.h5; do
        [ ! -e "$folder/cpu/${model##*/}" ] || check 1 "${model##*/}: the same name for the CPU's and the GPU's result"
    done
else
    skip "the chain on CUDA's code: $build/mlcm_cuda_host is not built"
fi
finish
