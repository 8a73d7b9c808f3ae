#!/usr/bin/env bash
# Mutation test of the CUDA kernels, without a GPU: does a test notice when a kernel is wrong?
#
#   scripts/mutate_kernels.sh [BUILD] [OUT]        (build, BUILD/mutants)
#
# A mutant is one of engine/cuda_*.cu with one place changed in the body of a kernel (__global__) or of a function that
# kernels call (__device__). The places are found by rule, in the order of the list at `rules` below: a sign, a product
# in an index, a bound, a comparison, a sum that is not carried on, a barrier left out, another constant, one element less.
# The file is compiled with g++ against tests/cuda_host, linked with the objects of BUILD/test_cuda_host, and that
# program's tests run until one fails: the mutant is killed. First those of the file's own operations, then all.
# Otherwise it survives, unless tests/mutants_equivalent.txt says why no test can notice it.
#
#   EACH=3        places a kernel, drawn by a checksum of the place so that another run draws the same; 0: all
#   ONLY=REGEX    kernels whose name matches
#   RULE=REGEX    rules whose name matches: "barrier"
#   LIMIT=60      seconds of processor time for each test of a mutant; one that takes longer is killed (it loops)
#   AGAIN=1       run again the mutants that OUT/results.txt has as survived; without it what is there is not run again
#   QUICK=1       without the second round, of all tests, for a mutant that the tests of its operations do not notice
#   LIST=1        print the places and end
#
# OUT/results.txt has a line a mutant, OUT/table.md the table. Exit code 1: a mutant survived that is not explained.
set -u
build=${1:-build}
out=${2:-$build/mutants}
each=${EACH:-3} limit=${LIMIT:-60}
equivalent=tests/mutants_equivalent.txt
program=$build/test_cuda_host
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=passive

# places: checksum, file, function, line, column, length, rule, replacement, tab between them; one a line. The checksum is
# of what and where the place is in its line, not of the line's number.
places() {
    awk '
    function rule(name, find, put) { n++; named[n] = name; found[n] = find; puts[n] = put }
    BEGIN {
        OFS = "\t"
        for (i = 1; i < 256; i++) ord[sprintf("%c", i)] = i
        rule("plus to minus", " + ", " - ")
        rule("minus to plus", " - ", " + ")
        rule("product to sum", " * ", " + ")
        rule("division to product", " / ", " * ")
        rule("rest to quotient", " % ", " / ")
        rule("bound one further", " < ", " <= ")
        rule("bound one less", " <= ", " < ")
        rule("bound one less", " >= ", " > ")
        rule("bound one further", " > ", " >= ")
        rule("comparison turned", " == ", " != ")
        rule("comparison turned", " != ", " == ")
        rule("and to or", " && ", " || ")
        rule("or to and", " || ", " && ")
        rule("sum not carried on", " += ", " = ")
        rule("sum not carried on", " *= ", " = ")
        rule("barrier left out", "__syncthreads();", ";")
        rule("barrier left out", "__syncwarp();", ";")
        rule("constant", " 1;", " 2;"); rule("constant", " 1)", " 2)"); rule("constant", " 1]", " 2]")
        rule("constant", " 1 ", " 2 "); rule("constant", " 2 * ", " 3 * "); rule("constant", "(2 * ", "(3 * "); rule("constant", "1.0f", "1.5f")
        rule("constant", "0.5f", "0.75f"); rule("constant", " = 0;", " = 1;"); rule("constant", ": 0.0f", ": 1.0f")
        rule("constant", "[0]", "[1]"); rule("constant", ", 0)", ", 1)"); rule("constant", " 32", " 16")
    }
    FNR == 1 { state = 0 }
    state == 0 && /^[^#\/ ].*(__global__|__device__)|^(static )?(__global__|__device__)/ && !/#define/ { head = ""; state = 1 }
    state == 1 {
        head = head " " $0
        at = index($0, "{")
        if (!at) next
        name = head
        sub(/\(.*/, "", name)
        sub(/.*[ *]/, "", name)
        state = $0 ~ /}[ ]*$/ ? 0 : 2
        if (state == 0) scan(at + 1)
        next
    }
    state == 2 && /^}/ { state = 0 }
    state == 2 && !/^#/ { scan(1) }
    function place(column, taken, by, put,   text, h, i) {
        text = name " " column " " by " " put " " $0
        h = 7
        for (i = 1; i <= length(text); i++) h = (h * 131 + ord[substr(text, i, 1)]) % 2147483647
        i = seen[h]++                                  # the same in another line of the function
        if (i) h = (h + i * 104729) % 2147483647
        print h, FILENAME, name, FNR, column, taken, by, put
    }
    function scan(from,   text, code, i, p, end) {
        text = $0
        end = index(text, "/*")
        code = end ? substr(text, 1, end - 1) : text
        for (i = 1; i <= n; i++) {
            p = from
            while ((end = index(substr(code, p), found[i])) > 0) {
                p += end - 1
                place(p, length(found[i]), named[i], puts[i])
                p += length(found[i]) - (substr(found[i], length(found[i])) == " ")
            }
        }
        if (match(code, /FOR_GRID\([a-z]+, [a-z0-9]+/))
            place(RSTART + RLENGTH, 0, "one element less", " - 1")
    }' engine/cuda_*.cu
}

# draw: of each function EACH places, in the order of their checksums.
draw() {
    sort -t $'\t' -k 2,3 -k 1,1n | awk -F '\t' -v each="$each" -v only="${ONLY:-.}" -v rule="${RULE:-.}" '
        $3 ~ only && $7 ~ rule { if ($3 != last) k = 0; last = $3; if (!each || k++ < each) print }'
}

mutate() {      # FILE LINE COLUMN LENGTH PUT
    awk -v l="$2" -v c="$3" -v n="$4" -v put="$5" 'FNR == l { $0 = substr($0, 1, c - 1) put substr($0, c + n) } { print }' "$1"
}

if [ -n "${LIST:-}" ]; then
    places | draw | cut -f 2-
    exit 0
fi
[ -x "$program" ] || { echo "$program is not there; build it: make $program" >&2; exit 4; }
mkdir -p "$out"
touch "$out/results.txt"

# What the program is linked from, but for the mutated file's object.
objects=("$build"/tests/test_cuda_host.o "$build"/tests/op_*.o "$build"/tests/device_pairs.o)
libraries=$(pkg-config --libs openblas hdf5 gsl libcjson libcrypto liblzma libutf8proc zlib)
includes=$(pkg-config --cflags openblas)
linker=-Wl,-S
command -v ld.gold >/dev/null && linker="-fuse-ld=gold -Wl,-S"
flags="-std=c++20 -O0 -w -I$out/head -Itests/cuda_host -Iengine $includes"

# What all kernels include, read once.
mkdir -p "$out/head"
cp engine/cuda_functions.cuh "$out/head/"
# shellcheck disable=SC2086
g++ $flags -x c++-header -o "$out/head/cuda_functions.cuh.gch" engine/cuda_functions.cuh || exit 4

# families FILE: the operations of tests/op_cases.c that run its kernels; tests FILE: the tests that say most about it.
families() {
    case $1 in
    *recurrent*) echo "gru" ;;
    *joints*) echo "recover_joints" ;;
    *normalise*) echo "layernorm" ;;
    *atten*) echo "self_attention cross_attention" ;;
    *objective*) echo "loss kl abs_loss" ;;
    *moves*) echo "linear concat slice columns add_positions gather views conv1d conv_transpose1d" ;;
    *linear*) echo "linear linear_pair param_rows" ;;
    *packed*) echo "none" ;;
    *) echo "activate dropout add add_itself scale multiply combine_rows mask_rows reparameterise layernorm views" ;;
    esac
}
tests() {
    case $1 in
    *packed*) echo "test_packed" ;;
    *normalise*) echo "test_values test_norms test_gradients test_orders" ;;
    *attend.cu) echo "test_values test_attention test_orders" ;;
    *attention*) echo "test_values test_gradients test_attention test_orders" ;;
    *objective* | *elementwise*) echo "test_values test_gradients test_repeats test_orders" ;;
    *) echo "test_values test_gradients test_orders" ;;
    esac
}

under() { (ulimit -t "$limit" && exec "$out/now/program" "$1"); }

# The verdict on the mutant in $out/now: killed, survived, or did not compile; and by what.
try() {
    local file=$1 base others=() o t
    base=$(basename "$file" .cu)
    # shellcheck disable=SC2086
    g++ $flags -x c++ -c -o "$out/now/$base.o" "$out/now/$base.cu" 2>"$out/now/errors" ||
        { echo "did not compile"; return; }
    for o in "$build"/cuda_host/engine/*.o "$build"/cuda_host/*.o; do [ "$(basename "$o")" = "$base.o" ] || others+=("$o"); done
    # shellcheck disable=SC2086
    gcc -fopenmp $linker -o "$out/now/program" "${objects[@]}" "${others[@]}" "$out/now/$base.o" "$build/libmlcm.a" $libraries -lm -lcmocka -lstdc++ \
        2>"$out/now/errors" || { echo "did not compile"; return; }
    for t in $(tests "$file"); do
        MLCM_OP_FAMILIES="$(families "$file")" under "$t" >"$out/now/output" 2>&1 </dev/null || { echo "killed by $t"; return; }
    done
    [ -z "${QUICK:-}" ] || { echo survived; return; }
    for t in test_values test_packed test_norms test_attention test_gradients test_repeats test_orders test_stacks; do
        under "$t" >"$out/now/output" 2>&1 </dev/null || { echo "killed by $t"; return; }
    done
    echo survived
}

while IFS=$'\t' read -r sum file name line column length rule put; do
    text=$(sed -n "${line}p" "$file" | sed 's/^ *//')
    changed=$(mutate "$file" "$line" "$column" "$length" "$put" | sed -n "${line}p" | sed 's/^ *//')
    [ "$changed" != ";" ] || changed="; | $(sed -n "$((line + 1))p" "$file" | sed 's/^ *//')"       # a line left out: the next one tells which
    key="$name: $changed"
    had=$(grep -F -- "$sum"$'\t' "$out/results.txt" | tail -n 1 | cut -f 2)
    if [ -n "$had" ] && ! { [ -n "${AGAIN:-}" ] && [ "$had" = survived ]; }; then continue; fi
    rm -rf "$out/now"
    mkdir -p "$out/now"
    mutate "$file" "$line" "$column" "$length" "$put" >"$out/now/$(basename "$file")"
    verdict=$(try "$file")
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$sum" "$verdict" "$file" "$key" "$rule" "$text" >>"$out/results.txt"
    echo "$verdict: $file:$line $key"
done < <(places | draw)

# The last verdict on each mutant, a line a function; survivors below.
awk -F '\t' -v equivalent="$equivalent" '
    BEGIN { while ((getline line < equivalent) > 0) if (line ~ /^[a-z_0-9]+: /) known[line] = 1 }
    { verdict[$1] = $2; file[$1] = $3; key[$1] = $4 }
    END {
        for (m in verdict) {
            split(key[m], part, ":")
            name = file[m] " | " part[1]
            names[name] = 1
            total[name]++
            v = verdict[m]
            kind = v ~ /^killed/ ? "killed" : v == "did not compile" ? "not" : key[m] in known ? "equivalent" : "survived"
            count[name, kind]++
            sums[kind]++
            all++
            if (kind == "survived") left[key[m]] = 1
        }
        print "| file | kernel | mutants | killed | equivalent | survived | did not compile |"
        print "|---|---|---|---|---|---|---|"
        sort = "sort"
        for (name in names) {
            printf "| %s | %d | %d | %d | %d | %d |\n", name, total[name], count[name, "killed"], count[name, "equivalent"], count[name, "survived"], count[name, "not"] | sort
            functions++
        }
        close(sort)
        printf "\n%d kernels and functions of kernels, %d mutants: %d killed, %d equivalent, %d survived, %d did not compile\n", functions, all, sums["killed"], sums["equivalent"], sums["survived"], sums["not"]
        for (k in left) print "survived: " k
        exit sums["survived"] > 0
    }' "$out/results.txt" >"$out/table.md"
code=$?
cat "$out/table.md"
exit $code
