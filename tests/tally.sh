#!/bin/bash
# usage: tally.sh COMMAND...     Runs the commands (each one argument) in turn; a command's own summary is the last of
# Check's `Checks: N, Failures: N, Errors: N` or a line `N passed, N failed...`.  The last line sums them
# up: `N passed, N failed`.  Exit status 1 when anything failed, or a command failed without saying so, or
# one had no summary.
set -u
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

for command in "$@"; do
    echo "== $command"
    start=$SECONDS
    bash -c "$command" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    p=0 f=0
    line=$(grep -E 'Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+|^[0-9]+ passed, [0-9]+ failed' "$log" | tail -1)
    case $line in
    *Checks:*)
        read -r n bad err < <(sed -E 's/.*Checks: ([0-9]+), Failures: ([0-9]+), Errors: ([0-9]+).*/\1 \2 \3/' <<< "$line")
        f=$((bad + err)) p=$((n - bad - err)) ;;
    ?*) read -r p f < <(sed -E 's/^([0-9]+) passed, ([0-9]+) failed.*/\1 \2/' <<< "$line") ;;
    *)
        echo "-- no summary: counted as failed"
        f=1 ;;
    esac
    if [ "$status" != 0 ] && [ "$f" = 0 ]; then
        echo "-- exit status $status: counted as failed"
        f=1
    fi
    echo "-- $p passed, $f failed, $((SECONDS - start)) s"
    passed=$((passed + p)) failed=$((failed + f))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
