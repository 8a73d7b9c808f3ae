#!/usr/bin/env bash
# The manual page and the shell completion say what the program says of itself, and `make install` puts them in their place.
set -u
build=${1:-build}
mlcm=$build/mlcm
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# shellcheck source=tests/checks.sh
. "$(dirname "$0")/checks.sh"

scripts/docs/man_page.sh "$mlcm" >"$folder/mlcm.1"
check $? "man_page.sh fails"
scripts/docs/completion.sh "$mlcm" bash >"$folder/mlcm.bash" && scripts/docs/completion.sh "$mlcm" zsh >"$folder/_mlcm"
check $? "completion.sh fails"

# --- every verb and every option is in both ---------------------------------------------------------------
sed 's/\\-/-/g' "$folder/mlcm.1" >"$folder/page"
asked() { # words expected among the completions of "mlcm WORD…", the last of them unfinished
    (
        # shellcheck disable=SC1091
        . "$folder/mlcm.bash"
        COMP_WORDS=(mlcm "$@")
        COMP_CWORD=$#
        _mlcm
        printf '%s\n' "${COMPREPLY[@]}"
    )
}
options=0
verbs=$("$mlcm" --help | sed -n 's/^  mlcm \([a-z]*\) .*/\1/p')
for verb in $verbs; do
    grep -q "^.SS mlcm $verb\$" "$folder/page"
    check $? "the manual page lacks $verb"
    asked "" | grep -qx "$verb"
    check $? "completion lacks the verb $verb"
    parts=$("$mlcm" "$verb" --help | sed -nE "s/^mlcm $verb ([a-z]+)( .*)?\$/$verb \1/p" | sort -u)
    [ -n "$parts" ] || parts=$verb
    while read -r part; do
        # the page's paragraphs of this part, up to the next
        # shellcheck disable=SC2086
        own=$(awk -v from=".B mlcm $part" 'index($0, from " ") == 1 || $0 == from { on = 1; print; next } /^\.(B mlcm|SS|SH)/ { on = 0 } on' "$folder/page")
        [ -n "$own" ]
        check $? "the manual page lacks mlcm $part"
        # shellcheck disable=SC2086
        known=$(asked $part --)
        # shellcheck disable=SC2086
        for option in $("$mlcm" $part --help | grep -oE '^  (-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
            options=$((options + 1))
            # -e: the option itself, not a longer one
            grep -qE -- "^\.BR .*$option( |\\\\|\$)" <<<"$own"
            check $? "the manual page lacks $option of $part"
            grep -qx -- "$option" <<<"$known"
            check $? "completion lacks $option of $part"
        done
    done <<<"$parts"
done
[ "$options" -gt 80 ]
check $? "only $options options were found: the help is read wrongly"
for variable in NO_COLOR MLCM_DEVICE MLCM_GPU_MATH OPENBLAS_CORETYPE OMP_NUM_THREADS; do
    grep -q "$variable" "$folder/page"
    check $? "the manual page lacks $variable"
done

# --- what bash would offer -----------------------------------------------------------------------------------
offers() { # WANTED WORD…: exactly these completions, sorted, spaces between
    local wanted=$1 got
    shift
    got=$(asked "$@" | sort | tr '\n' ' ')
    [ "${got% }" = "$wanted" ]
    check $? "mlcm $* + TAB: \"${got% }\", not \"$wanted\""
}
offers 'verify' ver
offers 'control control_mld evaluator lcm mld vae' train ''
offers "$("$mlcm" data --help | sed -nE 's/^mlcm data ([a-z]+)( .*)?$/\1/p' | sort -u | tr '\n' ' ' | sed 's/ $//')" data ''
offers '--seconds --seed --segment' time --se
offers 'batch single stream' time --scenario ''
offers 'cuda' bench --device cu
offers '--source' data build --so
offers 'bandai bvh humanml3d kit procedural' data build --source ''
offers 'data' help da
mkdir -p "$folder/here/deep" && touch "$folder/here/one.json" "$folder/here/two.npy"
offers "$folder/here/deep/ $folder/here/one.json" bench --config "$folder/here/"
offers "$folder/here/deep/" bench --out "$folder/here/"
offers "$folder/here/deep/ $folder/here/one.json $folder/here/two.npy" info "$folder/here/"
bash -n "$folder/mlcm.bash"
check $? "the bash completion does not parse"
head -n 1 "$folder/_mlcm" | grep -qx '#compdef mlcm'
check $? "the zsh completion does not begin with #compdef"
if command -v zsh >/dev/null; then
    zsh -n "$folder/_mlcm"
    check $? "the zsh completion does not parse"
else
    skip "no zsh here"
fi

# --- the page as roff -----------------------------------------------------------------------------------------
if command -v mandoc >/dev/null; then
    # STYLE messages are taste
    [ -z "$(mandoc -T lint -W warning "$folder/mlcm.1" 2>&1 | tee "$folder/lint")" ]
    check $? "mandoc: $(head -n 3 "$folder/lint")"
else
    skip "no mandoc here"
fi
if command -v groff >/dev/null; then
    [ -z "$(groff -k -man -ww -T utf8 -P -cbou -rLL=100n "$folder/mlcm.1" 2>&1 >"$folder/text")" ] && grep -q 'EXIT STATUS' "$folder/text"
    check $? "groff: $(groff -k -man -ww -T utf8 -P -cbou -rLL=100n "$folder/mlcm.1" 2>&1 >"$folder/text" | head -n 3)"
else
    skip "no groff here"
fi

# --- make install -----------------------------------------------------------------------------------------------
if [ "$build" = build ]; then
    make -s install DESTDIR="$folder/stage" PREFIX=/usr >"$folder/out" 2>&1
    check $? "make install: $(tail -n 3 "$folder/out")"
    for file in bin/mlcm lib/libmlcm.a include/mlcm.h share/man/man1/mlcm.1 share/bash-completion/completions/mlcm \
        share/zsh/site-functions/_mlcm share/mlcm/plots; do
        [ -e "$folder/stage/usr/$file" ]
        check $? "make install leaves out $file"
    done
    [ "$(find "$folder/stage" -mindepth 1 -maxdepth 1)" = "$folder/stage/usr" ]
    check $? "make install with DESTDIR writes beside it"
    cmp -s "$folder/mlcm.1" "$folder/stage/usr/share/man/man1/mlcm.1"
    check $? "the installed manual page is another one"
else
    skip "make install is tried with the ordinary build alone"
fi
finish
