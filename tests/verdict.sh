# For scripts that count: `. "$(dirname "$0")/verdict.sh"`.  $work: a folder that goes at the end.
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
verdict() { if [ "$1" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAIL  $2"; fi; }
# says TEXT WHAT: TEXT stands in $work/err.
says() { grep -qF -- "$1" "$work/err"; verdict $? "$2: no '$1' in: $(tail -2 "$work/err")"; }
# The last command of the script.
sum_up() { echo "$passed passed, $failed failed"; [ "$failed" = 0 ]; }
