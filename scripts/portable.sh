#!/usr/bin/env bash
# A folder with the program, test_ops and the libraries they need, for x86-64 machines (AVX2) that lack them:
#     scripts/portable.sh [FOLDER]      (build/portable-kit; CUDA=1 for the GPU device, sm_90 alone)
# and there, from a copy of this repository: FOLDER/run mlcm VERB …
# The C library and CUDA's own libraries are the other machine's: glibc of 2.36 or later, CUDA of the same major version.
set -eu
folder=${1:-build/portable-kit}
build=build/portable
cuda=${CUDA:-0}
programs="mlcm test_ops"

if [ "$cuda" = 1 ] && ! command -v nvcc >/dev/null; then PATH=$PATH:/usr/local/cuda/bin; fi
make -j"$(nproc)" BUILD=$build ARCH=${ARCH:-x86-64-v3} CUDA="$cuda" CFLAGS=-O3 CC="${CC:-gcc}" \
    NVFLAGS="-O3 -lineinfo -gencode arch=compute_90,code=sm_90" $(printf "$build/%s " $programs)

unpacked=$build/unpacked
rm -rf "$folder" "$unpacked"
mkdir -p "$folder" "$unpacked/lib"
for program in $programs; do
    install -m 755 "$build/$program" "$unpacked/$program"
    strip "$unpacked/$program"
done
# Everything but the C library, the loader, and CUDA.
for program in $programs; do ldd "$unpacked/$program"; done | awk '/=> \//{print $3}' | sort -u |
    grep -vE '/(libc|libm|libdl|libpthread|librt|libresolv|libcuda|libcudart|libcublas|libcublasLt|libnv[a-z]*|ld-linux[^/]*)[.-]' |
    while read -r library; do
        cp -L "$library" "$unpacked/lib/"
        strip --strip-unneeded "$unpacked/lib/${library##*/}" 2>/dev/null || true
    done
tar -C "$unpacked" -cf - . | gzip -9 >"$folder/kit.tar.gz"
cat >"$folder/run" <<'END'
#!/bin/sh
# run PROGRAM WORD…: with the libraries of this folder, and CUDA's wherever they lie. The first run unpacks the folder
# beside it; "run --at" says where to.
here=$(cd "$(dirname "$0")" && pwd)
at=$here-$(cksum <"$here/kit.tar.gz" | cut -d' ' -f1)
if [ ! -d "$at" ]; then
    mkdir -p "$at.$$" && tar -C "$at.$$" -xzf "$here/kit.tar.gz" && mv "$at.$$" "$at" || exit 4
fi
paths=$at/lib
for cuda in /usr/local/cuda/lib64 /usr/local/cuda-*/lib64 /usr/local/cuda*/targets/x86_64-linux/lib; do
    [ -d "$cuda" ] && paths=$paths:$cuda
done
LD_LIBRARY_PATH=$paths${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
[ "$1" = --at ] && echo "$at" && exit
program=$1
shift
exec "$at/$program" "$@"
END
chmod 755 "$folder/run"
"$folder/run" mlcm --version
du -sh "$folder"
