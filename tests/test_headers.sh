#!/usr/bin/env bash
# Headers and the direction of dependencies:
#   - each header compiles alone, and twice over;
#   - engine includes no other folder; metrics, baselines and datasets include
#     only themselves and engine; no header or file outside bench includes bench;
#   - hdf5.h is included by engine/h5_file.h alone (and by the tests that make hostile files);
#   - the public header compiles as C++ and a program links with libmlcm.a.
set -u
build=${1:-build}
cc=${CC:-cc}
packages="openblas hdf5 gsl libcjson libcrypto liblzma libutf8proc zlib"
flags="-std=c11 -D_GNU_SOURCE -fopenmp -Wall -Wextra $(pkg-config --cflags $packages)"
passed=0 failed=0 skipped=0

result() { # result OK WHAT
    if [ "$1" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "fail: $2"; fi
}

for header in engine/*.h datasets/*.h metrics/*.h baselines/*.h bench/*.h; do
    [ -e "$header" ] || continue
    printf '#include "%s"\n#include "%s"\nint only_to_be_a_program;\n' "$header" "$header" |
        $cc $flags -Werror -I. -fsyntax-only -x c -
    result $? "$header does not compile alone"
done

# Includes of other folders, as "FOLDER/FILE: OTHER".
includes() {
    grep -noE '^#include "\.\./[a-z]+/' "$1"/*.[ch] 2>/dev/null | sed -E 's/:[0-9]+:#include "\.\.\// /; s/\/$//'
}
for folder in engine datasets metrics baselines; do
    wrong=$(includes $folder | awk -v self=$folder '$2 != self && ($2 != "engine" || self == "engine")')
    [ -z "$wrong" ]
    result $? "$folder depends on more than it may: $wrong"
done

others=$(grep -lE '#include <hdf5(_hl)?\.h>' */*.[ch] | grep -vE '^(engine/h5_file\.h|tests/(test_formats|malformed_arrays)\.c)$')
[ -z "$others" ]
result $? "hdf5.h is included outside engine/h5_file.h: $others"

if [ -e engine/mlcm.h ]; then
    if command -v g++ >/dev/null; then
        echo '#include "engine/mlcm.h"' | g++ -std=c++11 -Wall -Wextra -Werror -I. -fsyntax-only -x c++ -
        result $? "engine/mlcm.h does not compile as C++"
    else
        echo "skip: no C++ compiler here"
        skipped=$((skipped + 1))
    fi
    # A program outside this folder, which has the header and the archive and nothing else.
    outside=$(mktemp -d)
    trap 'rm -rf "$outside"' EXIT
    cp engine/mlcm.h "$build/libmlcm.a" "$outside"
    {
        printf '#include "mlcm.h"\nint main(void)\n{\n'
        sed -n '/^ \*     char error/,/^ \*     mlcm_close/s/^ \*     //p' engine/mlcm.h | sed 's/…/return 3;/'
        printf 'return 0;\n}\n'
    } >"$outside/program.c"
    sanitizers=
    nm "$outside/libmlcm.a" 2>/dev/null | grep -q ' U __asan_' && sanitizers=-fsanitize=address,undefined
    (cd "$outside" && $cc -std=c11 -Wall -Wextra -Werror $sanitizers -o program program.c -L. -lmlcm \
        $(sed -n 's/.*`pkg-config --libs \([a-z0-9 ]*\)`.*/\1/p' mlcm.h | xargs pkg-config --libs) -lm -fopenmp)
    result $? "the program in engine/mlcm.h's first comment does not compile and link as this says: $(cat "$outside/program.c")"
    if [ -x "$outside/program" ]; then
        (cd "$outside" && ./program)
        [ $? = 3 ]
        result $? "a program outside does not learn that there are no models"
    fi
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
