#!/bin/bash
# usage: fuzz.sh SECONDS TARGET...     Runs each fuzz target so long, on a copy of its corpus; what it finds is
# kept beside it (TARGET.crash-*, TARGET.log).
set -u
seconds=$1
shift
passed=0 failed=0
for target in "$@"; do
    name=$(basename "$target")
    rm -rf "$target.corpus" "$target".{crash,leak,timeout,oom}-* && mkdir -p "$target.corpus"
    cp tests/fuzz/corpus/"${name#fuzz_}"/* "$target.corpus/"
    if "$target" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$target." "$target.corpus" > "$target.log" 2>&1; then
        passed=$((passed + 1))
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$target.log")
        echo "$name: $runs inputs in $seconds s, nothing found"
    else
        failed=$((failed + 1))
        echo "$name: FAILED, see $target.log"
        tail -40 "$target.log"
        ls "$target".*-* 2> /dev/null
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
