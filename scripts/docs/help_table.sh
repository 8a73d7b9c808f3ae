#!/usr/bin/env bash
# usage: help_table.sh MLCM
# The program's verbs and options as a table, read from their own --help. Tab separated:
#   verb     NAME  what it does
#   words    NAME  what may follow it: sub-verbs or stages, with spaces between
#   option   NAME  --option  -letter or empty  value or empty (a|b|c: one of these)  help
# A verb within a verb has both words as its name: "data build".
set -euo pipefail
mlcm=$1

options_of() { # the verb's words
    # shellcheck disable=SC2086
    "$mlcm" $1 --help | awk -v verb="$1" '
        /^  (-., )?--/ {
            line = substr($0, 3); letter = value = help = ""
            if (line ~ /^-., /) { letter = substr(line, 1, 2); line = substr(line, 5) }
            split(line, word, " "); name = word[1]
            line = substr(line, length(name) + 1)
            if (line ~ /^ [^ ]/) { line = substr(line, 2); value = line; sub(/ .*/, "", value); line = substr(line, length(value) + 1) }
            sub(/^ +/, "", line); help = line
            wanted = help == ""
            row = "option\t" verb "\t" name "\t" letter "\t" value "\t"
            if (!wanted) print row help
            next
        }
        wanted && /^ +[^ ]/ { sub(/^ +/, ""); print row $0; wanted = 0 }'
}

"$mlcm" --help | awk '/^  mlcm / { verb = $2; next } /^      / && verb { sub(/^ +/, ""); print "verb\t" verb "\t" $0; verb = "" }' |
    while IFS=$'\t' read -r kind verb does; do
        printf '%s\t%s\t%s\n' "$kind" "$verb" "$does"
        # "mlcm data build --source …": a verb within the verb; "usage: mlcm train vae|mld …": words that may follow
        subs=$("$mlcm" "$verb" --help | sed -nE "s/^mlcm $verb ([a-z]+)( .*)?\$/\1/p" | sort -u)
        words=$("$mlcm" "$verb" --help | sed -nE "s/^usage: +mlcm $verb ([a-z_]+(\|[a-z_]+)+) .*/\1/p" | tr '|' ' ')
        [ -z "$subs$words" ] || printf 'words\t%s\t%s\n' "$verb" "$(echo $subs $words)"
        for sub in $subs; do options_of "$verb $sub"; done
        [ -n "$subs" ] || options_of "$verb"
    done
