#!/bin/bash
# usage: bad_inputs.sh GLAMM     Runs the program on inputs that are wrong in every way we know: each gives
# exit status 1 and one error line, and leaves nothing half-written.
set -u
glamm=$1
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
mini=golden/mini/model
image=golden/mini/cases/gcg.png
passed=0 failed=0

fail() { failed=$((failed + 1)); echo "FAIL: $*"; }

# Files and links under $1 that are not finished results.
leftovers() { find "$1" -name '*.tmp*' 2> /dev/null; }

# refused NAME PATTERN COMMAND...: exit status 1, one line on stderr that matches PATTERN, nothing written.
refused() {
    local name=$1 pattern=$2
    shift 2
    timeout 60 "$@" > "$work/stdout" 2> "$work/stderr"
    local status=$?
    local lines
    lines=$(grep -c . "$work/stderr")
    if [ "$status" != 1 ]; then fail "$name: exit status $status"; head -3 "$work/stderr"; return; fi
    if [ "$lines" -lt 1 ] || [ "$lines" -gt 2 ]; then fail "$name: $lines lines of error"; cat "$work/stderr"; return; fi
    if ! grep -qiE "$pattern" "$work/stderr"; then fail "$name: the error does not say '$pattern':"; cat "$work/stderr"; return; fi
    if [ -n "$(leftovers "$work")" ]; then fail "$name: left $(leftovers "$work")"; return; fi
    passed=$((passed + 1))
}

run() { refused "$1" "$2" "$glamm" run "${@:3}" --out "$work/out"; }

# A writable copy of a checkpoint folder.
copy() { rm -rf "${work:?}/$2" && cp -rL "$1" "$work/$2" && chmod -R u+w "$work/$2"; }

# ---- files of the model ----
for file in config.json sizes.json tokenizer.model pytorch_model.bin clip/config.json clip/pytorch_model.bin; do
    copy $mini m && : > "$work/m/$file"
    run "an empty $file" "empty" "$work/m" $image
    head -c $(($(stat -c %s $mini/$file) * 6 / 10)) $mini/$file > "$work/m/$file"
    run "$file cut" "$(basename $file)" "$work/m" $image
    rm "$work/m/$file"
    [ $file = sizes.json ] || run "$file gone" "." "$work/m" $image
done
copy golden/mini/forms/released m && rm "$work/m/pytorch_model-00002-of-00002.bin"
run "a shard missing" "00002-of-00002" "$work/m" $image
copy $mini m && sed -i 's/"hidden_size": 32/"hidden_size": 40/' "$work/m/config.json"
run "tensors of the wrong shape" "wanted" "$work/m" $image
copy $mini m && sed -i 's/"num_attention_heads": 4/"num_attention_heads": 0/' "$work/m/config.json"
run "no heads" "num_attention_heads" "$work/m" $image
copy $mini m && sed -i 's/"hidden_size": 32/"hidden_size": 1e300/' "$work/m/config.json"
run "a size that is no size" "hidden_size" "$work/m" $image
copy golden/mini/forms/safetensors-tower-inside m
printf '\0\0\0\0\0\0\0\200' | dd of="$work/m/model.safetensors" conv=notrunc status=none
run "a header length of 2^63" "header" "$work/m" $image
copy golden/mini/forms/safetensors-tower-inside m && truncate -s -4 "$work/m/model.safetensors"
run "an offset past the end" "model.safetensors" "$work/m" $image
run "no such folder" "no-such-model" no-such-model $image
run "a file as the model" "." $image $image

# ---- images ----
: > "$work/empty.png"
run "an empty image" "empty" $mini "$work/empty.png"
head -c 3000 $image > "$work/cut.png"
run "an image cut" "cut.png" $mini "$work/cut.png"
{ head -c 16 $image; printf '\0\0\116\040\0\0\116\040'; tail -c +25 $image; } > "$work/huge.png"
run "a 20000 x 20000 header" "20000" $mini "$work/huge.png"
echo "not an image" > "$work/text.png"
run "text as an image" "text.png" $mini "$work/text.png"
run "no such image" "no-such.png" $mini no-such.png
# Decoded and resized as PyTorch does (golden/spots), but nothing to ask about.
run "a 1 x 1 image" "one.png.*1 x 1" $mini golden/spots/images/one.png

# ---- questions ----
region() { run "$1" "$2" $mini $image --task region "${@:3}"; }
region "a box inverted" "box" --box 50,50,20,80
region "a box upside down" "box" --box 20,80,50,50
region "a box outside" "box" --box 10,10,5000,50
region "a box before the image" "box" --box=-10,10,50,50
region "a box of no width" "box" --box 20,20,20,60
run "fewer boxes than <bbox>" "box" $mini $image --task chat --prompt "<bbox>, <bbox> and <bbox>" --box 1,1,9,9 --box 2,2,9,9
run "an empty prompt" "empty|prompt" $mini $image --task chat --prompt ""
long=$(printf 'word %.0s' $(seq 3000))
run "a prompt longer than the context" "context|positions" $mini $image --task chat --prompt "$long"

# ---- output ----
: > "$work/file"
refused "a file in place of the output folder" "$work/file" "$glamm" run $mini $image --out "$work/file"
refused "a folder inside a file" "$work/file" "$glamm" run $mini $image --out "$work/file/out"
mkdir "$work/locked" && chmod 555 "$work/locked"
if [ "$(id -u)" != 0 ]; then
    refused "a read-only output folder" "locked" "$glamm" run $mini $image --out "$work/locked/out"
elif command -v setpriv > /dev/null; then
    chmod 755 "$work" && chmod 777 "$work/out" 2> /dev/null
    refused "a read-only output folder" "locked" setpriv --reuid=65534 --regid=65534 --clear-groups \
        "$glamm" run $mini $image --out "$work/locked/out"
else
    echo "skipped: a read-only output folder (root, and no setpriv)"
fi
mkdir "$work/small"
if mount -t tmpfs -o size=8k none "$work/small" 2> /dev/null; then
    cat /dev/zero > "$work/small/rest" 2> /dev/null
    refused "a full output folder" "space|write" "$glamm" run $mini $image --out "$work/small/out"
    umount "$work/small"
else
    # No mount here: a limit on the size of every file written stops the disk just as well.
    refused "a full output folder" "write|large" bash -c "trap '' XFSZ; ulimit -f 1; exec \"\$@\"" - \
        "$glamm" run $mini $image --out "$work/small/out"
fi
if "$glamm" run $mini $image --json > /dev/full 2> "$work/stderr"; then fail "stdout on a full disk: exit status 0"
else passed=$((passed + 1)); fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
