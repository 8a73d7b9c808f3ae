#!/usr/bin/env bash
# Fetches the Bandai-Namco-Research-Motiondataset from its public repository: fetch_bandai.sh FOLDER
# Licence CC BY-NC 4.0 (non-commercial, attribution: Bandai Namco Research Inc., Kobayashi et al. 2023).
set -euo pipefail
folder=${1:?usage: scripts/fetch_bandai.sh FOLDER}
command -v git >/dev/null || { echo "mlcm: git is missing; install it" >&2; exit 4; }
if [ ! -d "$folder/Bandai-Namco-Research-Motiondataset" ]; then
    mkdir -p "$folder"
    git clone --depth 1 https://github.com/BandaiNamcoResearchInc/Bandai-Namco-Research-Motiondataset \
        "$folder/Bandai-Namco-Research-Motiondataset"
fi
count=$(find "$folder" -name '*.bvh' | wc -l)
echo "$count BVH files in $folder (3076 are expected)"
[ "$count" -ge 3076 ] || {
    echo "mlcm: $folder: the download is not complete; remove the folder and start again" >&2
    exit 3
}
