#!/usr/bin/env bash
# usage: man_page.sh MLCM > mlcm.1
# The manual page, made of what the program says of itself: it cannot disagree with --help.
set -euo pipefail
mlcm=$1
here=$(dirname "$0")
version=$("$mlcm" --version | sed -n '1s/,.*//p')

# Text as roff shows it unchanged.
plain() { sed -e 's/\\/\\e/g' -e "s/^\([.']\)/\\\\\&\1/" -e 's/-/\\-/g'; }

about() { # the verb's words: example, usage, purpose, options
    # shellcheck disable=SC2086
    "$mlcm" $1 --help | sed '/^options:$/,$d; /^  -h, --help/d; /^$/d' | awk '
        /^example: / { next }
        /^usage: / { sub(/^usage: +/, ""); print "U" $0; next }
        { print "T" $0 }' | while IFS= read -r line; do
        text=$(plain <<<"${line:1}")
        case $line in
        U*) printf '.PP\n.B %s\n.PP\n.nf\n' "$text" ;;
        *) printf '%s\n' "$text" ;;
        esac
    done
    echo .fi
    # a field may be empty, which read would skip between tabs
    awk -F '\t' -v verb="$1" '$1 == "option" && $2 == verb' <<<"$table" | tr '\t' '\037' | while IFS=$'\037' read -r _ _ name letter value help; do
        printf '.TP\n.BR %s' "$(plain <<<"${letter:+$letter, }$name" | sed 's/ /\\ /g')"
        [ -z "$value" ] || printf ' \\ \\fI%s\\fP' "$(plain <<<"$value")"
        printf '\n%s\n' "$(plain <<<"$help")"
    done
    # shellcheck disable=SC2086
    printf '.PP\nExample:\n.PP\n.RS\n.nf\n%s\n.fi\n.RE\n' "$("$mlcm" $1 --help | sed -n '1s/^example: //p' | plain)"
}

table=$("$here"/help_table.sh "$mlcm")

cat <<PAGE
.\\" Made by scripts/docs/man_page.sh from the program's own help.
.TH MLCM 1 "$(date -u -r "$mlcm" +%Y-%m-%d)" "$version" "User commands"
.SH NAME
mlcm \\- text\\-to\\-motion generation with MotionLCM, and its benchmark
.SH SYNOPSIS
.B mlcm
.I VERB
.RI [ options ]
.PP
.B mlcm help
.I VERB
.PP
.B mlcm \\-\\-version
.SH DESCRIPTION
MotionLCM makes a human motion of a sentence in one to four denoising steps.
This program trains it, generates with it, and measures it beside other systems.
Results go to standard output, progress and warnings to standard error: a line with rate and time left on a terminal,
plain lines elsewhere.
.SH VERBS
PAGE
while IFS=$'\t' read -r kind verb does; do
    [ "$kind" = verb ] || continue
    subs=$(awk -F '\t' -v verb="$verb" '$1 == "option" && index($2, verb " ") == 1 { print $2 }' <<<"$table" | uniq)
    printf '.SS mlcm %s\n%s.\n' "$verb" "$(plain <<<"${does^}")"
    if [ -z "$subs" ]; then
        about "$verb"
    else # its parts one by one; those without options too
        for sub in $(awk -F '\t' -v verb="$verb" '$1 == "words" && $2 == verb { print $3 }' <<<"$table"); do
            about "$verb $sub"
        done
    fi
done <<<"$table"
cat <<'PAGE'
.SH EXIT STATUS
.TP
.B 0
Success.
.TP
.B 1
A check or a gate failed.
.TP
.B 2
Wrong usage.
.TP
.B 3
A bad input file.
.TP
.B 4
Something is missing in the environment: a library, a file to be fetched, a folder that cannot be written.
.TP
.B 5
A numerical or internal failure.
.PP
An error is one line that names the file, the rule it breaks and the mend.
.SH ENVIRONMENT
Flags beat the environment, the environment beats the experiment file.
.TP
.B NO_COLOR
Leaves colours out of what is printed.
.TP
.B MLCM_DEVICE\fR, \fBMLCM_GPU_MATH
What computes, and how a GPU multiplies matrices, where no flag says so.
.TP
.B OMP_NUM_THREADS
The number of threads where \-\-threads does not say.
.TP
.B OPENBLAS_CORETYPE
The kernels of OpenBLAS; without it mlcm asks for the AVX\-512 ones on a processor that has them and that OpenBLAS does not know.
.SH SEE ALSO
The README and the folder bench/experiments of the source tree; mlcm.h, the header of the library libmlcm.a.
PAGE
