#!/bin/bash
# usage: tokenize.sh GLAMM     glamm tokenize on golden/nano: output forms, both ways, stdin, exit
# status.  The ids are those of golden/tokenizer/nano_vectors.json.
set -u
glamm=$1
model=models/nano
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# gives STATUS WANTED COMMAND...: exit status, and stdout exactly (for 0) or stderr's first line as a pattern.
gives() {
    local status=$1 want=$2 out err
    shift 2
    out=$("$@" 2> "$log")
    local got=$?
    err=$(head -1 "$log")
    if [ $got != "$status" ]; then echo "FAIL: $*: exit status $got, wanted $status: $err"
    elif [ "$status" = 0 ] && [ "$out" != "$want" ]; then echo "FAIL: $*: '$out', wanted '$want'"
    elif [ "$status" != 0 ] && ! grep -qE "$want" <<< "$err"; then echo "FAIL: $*: '$err' does not say '$want'"
    else passed=$((passed + 1)); return; fi
    failed=$((failed + 1))
}
from() { local text=$1; shift; printf "$text" | "$@"; }

answer='<p> A man </p> [SEG] rides <p> a horse </p> [SEG].'
ids='1 1005 320 945 1006 1004 353 286 1005 261 736 495 562 1006 1004 732'
gives 0 "$ids" "$glamm" tokenize $model --ids "$answer"
gives 0 "$ids" from "$answer\n" "$glamm" tokenize $model --ids
gives 0 '1 952 13' from '\n\n' "$glamm" tokenize $model --ids
gives 0 $'     1  <s>\n   261  \xe2\x96\x81a\n  -200  <image>\n   307  \xe2\x96\x81b' "$glamm" tokenize $model 'a<image>b'
gives 0 '{"ids":[1,261,-200,307],"pieces":["<s>","▁a","<image>","▁b"]}' "$glamm" tokenize $model --json 'a<image>b'
gives 0 '<s> <p> A man </p> [SEG] rides <p> a horse </p> [SEG] .' "$glamm" tokenize $model --decode $ids
gives 0 '<s>a b' from '1 261\n-200 307' "$glamm" tokenize $model --decode
gives 0 '{"ids":[1,-200],"text":"<s>"}' "$glamm" tokenize $model --decode --json -- 1 -200
gives 1 'id 1007 is not in 0 .. 1006' "$glamm" tokenize $model --decode 1 1007
gives 1 "wanted a token id, found 'x'" "$glamm" tokenize $model --decode 1 x
gives 1 "wanted a token id, found '99999999999'" "$glamm" tokenize $model --decode 99999999999
gives 1 'zero byte' from 'a\0b' "$glamm" tokenize $model
gives 1 'no-such-model: wanted a model folder' "$glamm" tokenize no-such-model a
gives 2 'one TEXT' "$glamm" tokenize $model a b
gives 2 'does not go with' "$glamm" tokenize $model --ids --decode 1
gives 2 'wanted MODEL' "$glamm" tokenize

echo "$passed passed, $failed failed"
[ $failed = 0 ]
