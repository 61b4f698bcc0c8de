#!/bin/bash
# usage: docs.sh GLAMM     Holds the documents against the tree: links lead somewhere, files and functions that are
# named exist, and every "$ glamm .." of docs/WALKTHROUGH.md still prints what stands below it (numbers within 1 %).
set -u
program=$1
. "$(dirname "$0")/verdict.sh"

documents=$(ls README.md docs/*.md models/*/README.md)

for d in $documents; do
    for link in $(grep -o ']([^)#:]*' "$d" | cut -c3-); do
        case $link in https*) continue ;; esac
        test -e "$(dirname "$d")/$link"; verdict $? "$d: the link $link leads nowhere"
    done
    # What stands in backquotes and begins with a folder of ours is a file (the authors' eval/ has Python only); gm_ is a function, type or constant.
    for path in $(grep -o '`[^`]*`' "$d" | tr -d '`' | grep -oE '^((ref|io|cli|train|bench|tests|golden|models|docs|examples)/[A-Za-z0-9_./-]+|eval/[a-z0-9_]+\.[ch])$'); do
        test -e "$path"; verdict $? "$d: there is no $path"
    done
    for name in $(grep -o '`[^`]*`' "$d" | grep -oE '\bgm_[a-z0-9_]+' | sort -u); do
        grep -rqw "$name" ref io eval train; verdict $? "$d: nothing is named $name"
    done
done

# Words equal, numbers within 1 % or 0.01.
same() {
    awk 'NR == FNR { want[FNR] = $0; n = FNR; next }
         { m = FNR; split(want[FNR], a, /[ ,:()]+/); k = split($0, b, /[ ,:()]+/)
           for (i = 1; i <= k; i++) if (a[i] != b[i]) {
               if (a[i] !~ /^-?[0-9.]+(e-?[0-9]+)?$/ || b[i] !~ /^-?[0-9.]+(e-?[0-9]+)?$/) bad = 1
               d = a[i] - b[i]; if (d < 0) d = -d
               s = a[i] < 0 ? -a[i] : a[i]; if (d > 0.01 && d > s / 100) bad = 1 } }
         END { exit bad || m != n }' "$1" "$2"
}

# A command, its settings so far in front, and the lines below it.
glamm() {
    [ "$1" != run ] || set -- "$@" --out "$work/out" --redo
    "$program" "$@"
}
settings= command=
run() {
    [ -n "$command" ] || return
    (eval "$settings"; eval "$command") > "$work/got" 2>&1
    same "$work/want" "$work/got"; verdict $? "docs/WALKTHROUGH.md: $command"
    command=
}
while IFS= read -r line; do
    case $line in
    '    $ '[A-Z]=*) run; settings="$settings${line#*\$ }"$'\n' ;;
    '    $ '*) run; command=${line#*\$ }; : > "$work/want" ;;
    '    '*) [ -z "$command" ] || printf '%s\n' "${line#    }" >> "$work/want" ;;
    *) run ;;
    esac
done < docs/WALKTHROUGH.md
run
sum_up
