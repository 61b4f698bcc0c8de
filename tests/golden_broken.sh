#!/bin/bash
# usage: golden_broken.sh GOLDEN     The golden runner itself: every kind of damage to a folder of goldens must
# come out as a failure, and the undamaged folder must pass.
set -u
golden=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
model=$(realpath golden/mini/model)
passed=0 failed=0

# damaged NAME PATTERN COMMAND: the command, run in cases/ of a fresh folder, makes the runner fail and say so.
damaged() {
    rm -rf "$work/f" && mkdir -p "$work/f/cases" && ln -s "$model" "$work/f/model"
    cp golden/mini/cases/{gcg,caption}.{json,png,safetensors} golden/mini/cases/gcg.mask*.png "$work/f/cases"
    (cd "$work/f/cases" && eval "$3") || { failed=$((failed + 1)); echo "FAIL: $1: the damage was not done"; return; }
    "$golden" --backend cpu "$work/f" > "$work/log" 2>&1
    local status=$?
    if [ $status = 1 ] && grep -qE "$2" "$work/log" && tail -1 "$work/log" | grep -qvE ' 0 failed'; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL: $1: exit status $status, wanted 1 and '$2'"
        tail -3 "$work/log"
    fi
}

# edit FILE SED: an edit that must change something.
edit() { cp "$1" old && sed -i "$2" "$1" && ! cmp -s "$1" old && rm old; }

damaged "no case" "no such case" 'rm ./*'
damaged "no cases folder" "cannot open" 'cd .. && rm -r cases'
damaged "an output without f64_gap" "without f64_gap" 'edit caption.json "s/\"f64_gap\":/\"gap\":/"'
damaged "a tolerance that proves nothing" "proves nothing" 'edit caption.json "s/\"f64_gap\": [0-9.e-]*/\"f64_gap\": 9.0/"'
damaged "a negative tolerance" "without f64_gap" 'edit caption.json "s/\"f64_gap\": /\"f64_gap\": -/"'
damaged "a generated id" "id .* wanted" 'edit caption.json "/\"sequence\"/,/\]/s/484,/485,/"'
damaged "a prompt id" "generate/prompt_ids.*FAIL" 'edit caption.json "/\"prompt_ids\"/,/\]/s/484,/485,/"'
damaged "a turn's text" "input_ids.*FAIL" 'edit caption.json "s/\"assistant\": \"/&Oh, /"'
damaged "another token limit" "generate/sequence.*FAIL" 'edit caption.json "s/\"max_new_tokens\": /&1/;s/\"max_new_tokens\": 1\([0-9]*\)/\"max_new_tokens\": 3/"'
damaged "the largest value" "largest value of the whole" 'edit gcg.json "/\"tap\/lm_head\"/,/}/s/\"absmax\": 1/\"absmax\": 2/"'
damaged "the norm" "norm of the whole" 'edit gcg.json "/\"tap\/lm_head\"/,/}/s/\"norm\": /\"norm\": 1/"'
damaged "a tensor of another name" "is not in the .safetensors" 'edit gcg.json "s/tap\/lm_head/tap\/lm_foot/"'
damaged "a tensor that nothing produces" "never produced" \
    'edit gcg.json "s/tap\/lm_head/tap\/lm_foot/" && edit gcg.safetensors "s/tap_lm_head/tap_lm_foot/"'
damaged "a stride" "stored values" 'edit gcg.json "/\"tap\/lm_head\"/,/}/s/\"stride\": /\"stride\": 1/"'
damaged "a shape" "stored values|sizes" 'edit gcg.json "/\"tap\/model.norm\"/,/}/s/\\b32\\b/33/"'
damaged "a stored value" "FAIL" \
    'truncate -s -4 caption.safetensors && printf "\0\0\300\177" >> caption.safetensors'
damaged "the tensors cut" "gcg.safetensors" 'truncate -s -4 gcg.safetensors'
damaged "no tensors" "gcg.safetensors" 'rm gcg.safetensors'
damaged "no JSON" "gcg.json" 'truncate -s 900 gcg.json'
damaged "no image" "gcg.png" 'rm gcg.png'
damaged "another image" "pixels.*FAIL|not of size_wh" 'cp caption.png gcg.png'
damaged "no model" "model" 'rm ../model'

rm -rf "$work/f" && mkdir -p "$work/f/cases" && ln -s "$model" "$work/f/model"
cp golden/mini/cases/{gcg,caption}.{json,png,safetensors} golden/mini/cases/gcg.mask*.png "$work/f/cases"
if "$golden" --backend cpu "$work/f" > "$work/log" 2>&1; then passed=$((passed + 1)); else
    failed=$((failed + 1)); echo "FAIL: the undamaged folder"; tail -20 "$work/log"
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
