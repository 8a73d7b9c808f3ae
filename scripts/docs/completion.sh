#!/usr/bin/env bash
# usage: completion.sh MLCM bash|zsh > FILE
# Completion of mlcm's verbs, options and their values, from the program's own help.
set -euo pipefail
here=$(dirname "$0")
table=$("$here"/help_table.sh "$1")

# case arms "VERB --option) kind;;" where kind is what the value is: "words a b c", "folders", "files ENDING|…" or nothing
values() {
    awk -F '\t' '$1 == "option" && $5 != "" {
        v = $5; kind = ""
        if (v ~ /^[a-z0-9_]+(\|[a-z0-9_]+)+$/) { gsub(/\|/, " ", v); kind = "words " v }
        else if (v == "DIR") kind = "folders"
        else if (v ~ /^[A-Z]+\.[a-z0-9]+(\|[A-Z]+\.[a-z0-9]+)*$/) { gsub(/[A-Z]+\./, "", v); kind = "files " v }
        else if (v == "FILE") kind = "files"
        pattern = "\"" $2 " " $3 "\""
        if ($4 != "") pattern = pattern " | \"" $2 " " $4 "\""
        if (kind != "") print "        " pattern ") echo \"" kind "\" ;;"
    }' <<<"$table"
}
options() {
    awk -F '\t' '$1 == "option" { if (!($2 in list)) order[++n] = $2; list[$2] = list[$2] " " $3 }
        END { for (i = 1; i <= n; i++) print "        \"" order[i] "\") echo \"" substr(list[order[i]], 2) "\" ;;" }' <<<"$table"
}
words() { awk -F '\t' '$1 == "words" { print "        \"" $2 "\") echo \"" $3 "\" ;;" }' <<<"$table"; }
verbs() { awk -F '\t' '$1 == "verb" { printf "%s ", $2 }' <<<"$table"; }

if [ "$2" = zsh ]; then
    echo '#compdef mlcm'
    echo '# zsh runs the bash completion.'
    echo 'autoload -U +X bashcompinit && bashcompinit'
fi
cat <<SCRIPT
# Completion for mlcm, made by scripts/docs/completion.sh from the program's own help.
_mlcm_options() {
    case \$1 in
$(options)
    esac
}
_mlcm_words() {
    case \$1 in
        "help" | "") echo "$(verbs)" ;;
$(words)
    esac
}
_mlcm_value() {
    case \$1 in
$(values)
    esac
}
SCRIPT
cat <<'SCRIPT'
_mlcm() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]} kind choices i
    COMPREPLY=()
    if [ "$COMP_CWORD" = 1 ]; then
        choices="$(_mlcm_words "") help --help --version"
        COMPREPLY=($(compgen -W "$choices" -- "$word"))
        return
    fi
    if [ "$COMP_CWORD" = 2 ] && [[ $word != -* ]]; then
        choices=$(_mlcm_words "$verb")
        if [ -n "$choices" ]; then
            COMPREPLY=($(compgen -W "$choices" -- "$word"))
            return
        fi
    fi
    # "data build" has options of its own
    [ "$COMP_CWORD" -gt 2 ] && [ -n "$(_mlcm_options "$verb ${COMP_WORDS[2]}")" ] && verb="$verb ${COMP_WORDS[2]}"
    kind=$(_mlcm_value "$verb $before")
    case $kind in
    "words "*) COMPREPLY=($(compgen -W "${kind#words }" -- "$word")) ;;
    folders) COMPREPLY=($(compgen -d -- "$word")) ;;
    "files "*)
        COMPREPLY=($(compgen -d -- "$word") $(compgen -f -- "$word" | grep -E "\.(${kind#files })\$")) ;;
    *)
        if [[ $word == -* ]] && [ -z "$kind" ]; then
            COMPREPLY=($(compgen -W "$(_mlcm_options "$verb")" -- "$word"))
        else
            COMPREPLY=($(compgen -f -- "$word"))
        fi ;;
    esac
    for i in "${!COMPREPLY[@]}"; do [ ! -d "${COMPREPLY[i]}" ] || COMPREPLY[i]=${COMPREPLY[i]}/; done
    [ ${#COMPREPLY[@]} = 1 ] && [[ ${COMPREPLY[0]} == */ ]] && { compopt -o nospace; } 2>/dev/null
    return 0
}
complete -o filenames -F _mlcm mlcm
SCRIPT
