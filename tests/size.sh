#!/bin/bash
# usage: size.sh     The tracked files are to stay under 50 MiB: what a checkout weighs, and what a machine with a GPU is sent.
set -u
most=50
bytes=$(git ls-files -z 2> /dev/null | xargs -0 -r stat -c %s -- 2> /dev/null | awk '{ n += $1 } END { printf "%d", n }')
if [ "$bytes" = 0 ]; then echo "skipped: the size of the tracked files (this is no git checkout)" >&2; echo "0 passed, 0 failed"; exit 0; fi
mib=$(awk -v n="$bytes" 'BEGIN { printf "%.1f", n / 1048576 }')
if [ "$bytes" -lt $((most * 1048576)) ]; then echo "1 passed, 0 failed: tracked files, $mib MiB of at most $most"; exit 0; fi
echo "FAIL: tracked files: wanted less than $most MiB, found $mib; the largest:"
git ls-files -z | xargs -0 stat -c '%s %n' -- | sort -rn | head -10
echo "0 passed, 1 failed"
exit 1
