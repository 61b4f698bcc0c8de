#!/bin/bash
# usage: emu.sh BUILD [all]     The CUDA backend on the emulated GPU (gpu/README.md): every kernel case in three orders of
# threads, the mini model from pixels to masks, its fine-tuning, two answers of nano, planted mistakes, what crosses the bus, and
# what a machine without a GPU is told.  all: every case of golden/mini.
set -u
build=$1 everything=${2:-}
export GLAMM_CUDA=$build/libglamm_emu.so
run=gpu/emu/run.sh
passed=0 failed=0
log=$(mktemp) out=$(mktemp -d)
trap 'rm -rf "$log" "$out"' EXIT

# counts NAME COMMAND...: adds the `N passed, M failed` of its last such line.
counts() {
    local p=0 f=0 start=$SECONDS
    "${@:2}" > "$log" 2>&1
    local status=$?
    read -r p f < <(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -1 | sed -E 's/^([0-9]+) passed, ([0-9]+) failed.*/\1 \2/')
    if [ -z "${p:-}" ] || { [ $status != 0 ] && [ "${f:-0}" = 0 ]; }; then p=${p:-0} f=1; fi
    echo "$1: $p passed, $f failed, $((SECONDS - start)) s"
    [ "$f" = 0 ] || { grep -E -A3 'FAIL|emulated GPU: ' "$log" | head -20 | sed 's/^/    /'; }
    passed=$((passed + p)) failed=$((failed + f))
}
# says NAME STATUS PATTERN COMMAND...
says() {
    "${@:4}" > "$log" 2>&1
    local status=$?
    if [ $status = "$2" ] && [ "$(wc -l < "$log")" -le "${LINES_AT_MOST:-1000}" ] && grep -qE -- "$3" "$log"; then passed=$((passed + 1)); else
        failed=$((failed + 1)); echo "FAIL: $1: exit status $status, wanted $2 and '$3'"; head -5 "$log"
    fi
}

for order in forward reverse random:1; do
    counts "kernel cases, threads $order" env EMU_ORDER=$order $run "$build/verify" --backend cuda --limit 120
done
counts "kernel cases, products in bf16" $run "$build/verify" --backend cuda-bf16 --op linear --limit 120
cases="gcg region refer batch"
[ -z "$everything" ] || cases=$(cd golden/mini/cases && echo *.json | sed 's/\.json//g')
for c in $cases; do
    counts "golden/mini, $c" $run "$build/golden" --backend cuda --case "$c" golden/mini
done
counts "golden/mini, 12 updates of fine-tuning" $run "$build/golden" --backend cuda --case lora golden/mini
for c in gcg0 region6; do
    counts "golden/nano, $c" $run "$build/golden" --backend cuda --case $c golden/nano
done
counts "golden/mini, gcg, one step of decoding as a graph" env GLAMM_CUDA_GRAPHS=1 $run "$build/golden" --backend cuda --case gcg golden/mini
counts "golden/mini, refer, no read of device memory by the host" \
    env EMU_PROTECT=1 $run "$build/golden" --backend cuda --case refer golden/mini
counts "planted mistakes" bash tests/emu_bugs.sh "$build"

# ---- how fast: the rows run, whatever they say here ----
says "a benchmark of cases on the device" 0 "this device now: copies" $run "$build/verify" --bench --backend cuda --op rmsnorm --case '5x33 plain eps 1e-05'
rows=q4_K
[ -z "$everything" ] || rows="bf16 q8_0 q4_0 q4_1 q4_K q5_K q6_K"
for type in $rows; do
    says "a row of weights in $type" 0 "^ *gpu-row-$type .*GB/s of $type weights" $run "$build/glamm-bench" --gpu --quick --only "gpu-row-$type"
done
[ -z "$everything" ] || says "decoding in q8_0" 0 '^ *gpu-decode-q8_0 .*tokens/s' $run "$build/glamm-bench" --gpu --quick --only gpu-decode-q8_0

# ---- quantised weights: the text and areas of the CPU (kernel cases have none) ----
types=q4_0
[ -z "$everything" ] || types="q8_0 q4_0 q4_1"
for type in $types; do
    "$build/glamm" convert models/nano --out "$out/nano.gguf" --type $type --quiet > /dev/null 2>&1
    for b in cpu cuda; do
        EMU_COPIES=1 $run "$build/glamm" run "$out/nano.gguf" golden/nano/scenes/two.png --backend $b --redo --out "$out/$b" \
            > "$out/$b.txt" 2> "$out/$b.err"
        grep -oE '"(answer|area)": *[^,]*' "$out/$b"/two.json >> "$out/$b.txt"
    done
    says "answers with $type weights" 0 'area' bash -c "diff '$out/cpu.txt' '$out/cuda.txt' && cat '$out/cpu.txt'"
done

# ---- what crosses the bus, once the weights are up: the angles of the positions; flags, tokens, row numbers that are
# looked at and a mask's score, then two masks of 256 x 256 ----
says "copies to the device" 0 'copies to the device: 1 of [0-9]{4} bytes$' cat "$out/cuda.err"
says "copies to the host" 0 'copies to the host: [0-9]+ of 4 bytes( [0-9]+ of [0-9]{1,3} bytes)* 1 of 524288 bytes$' cat "$out/cuda.err"

# ---- training: gradients on the device, AdamW here; going on from a checkpoint gives the same bits ----
printf '%s\n' 'model = golden/mini/model' 'data = shapes:task=gcg,seed=3,objects=2' 'data = shapes:task=region,seed=3,objects=2' \
    'threads = 1' 'updates = 2' 'warmup = 1' 'batch = 1' 'accumulate = 1' 'save_every = 1' 'export = adapter' > "$out/train.conf"
for b in cpu cuda; do
    says "training on $b" 0 'wrote .*adapter' $run "$build/glamm" train "$out/train.conf" --backend $b --out "$out/train-$b"
done
says "its losses as on the CPU" 0 same awk -F, 'NR == FNR { loss[$1] = $3; next }
    FNR > 1 { n++; d = $3 - loss[$1]; if (d * d > 1e-10 * $3 * $3) bad++ } END { if (n == 2 && !bad) print "same" }' \
    "$out/train-cpu/log.csv" "$out/train-cuda/log.csv"
mv "$out/train-cuda/update-00000002" "$out/before"
rm -rf "$out/train-cuda/adapter"
says "going on" 0 'going on after update 1' $run "$build/glamm" train "$out/train.conf" --backend cuda --out "$out/train-cuda" --resume
says "its weights" 0 same bash -c "cmp '$out/before/tensors.safetensors' '$out/train-cuda/update-00000002/tensors.safetensors' && echo same"

# ---- slots that a device lacks come from the CPU, and count as a failure of a golden run ----
hollow="env GLAMM_CUDA=$build/hollow_kernels.so"
says "info of a device without kernels" 0 'slots on the CPU +gather, .*, finite' $hollow "$build/glamm" info models/nano --backend cuda
says "golden of a device without kernels" 1 'these slots come from the CPU: gather' $hollow "$build/golden" --backend cuda --case gcg golden/mini
says "its values" 1 '^[0-9]+ passed, 1 failed' $hollow "$build/golden" --backend cuda --case gcg golden/mini
answer=$("$build/glamm" run models/nano golden/nano/scenes/demo.png --redo -q --out "$out")
says "its answers" 0 "^$answer\$" $hollow "$build/glamm" run models/nano golden/nano/scenes/demo.png --backend cuda --redo --out "$out"

# ---- what cannot work is told in one line ----
nano="models/nano golden/nano/scenes/demo.png --backend cuda --redo --out $out"
weights=$(wc -c < models/nano/model.safetensors)          # beside 33 MB that the device takes for itself
LINES_AT_MOST=1
# shellcheck disable=SC2086
{
says "no library" 1 'nothing.so: cannot open' env GLAMM_CUDA=nothing.so "$build/glamm" run $nano
says "no driver" 1 'no NVIDIA driver on this machine' env EMU_DEVICE=no-driver $run "$build/glamm" run $nano
says "no device" 1 'no NVIDIA device in this machine' env EMU_DEVICE=none $run "$build/glamm" run $nano
says "an old device" 1 'compute capability 7.0; wanted 8.0' env EMU_DEVICE=old $run "$build/glamm" run $nano
says "no room at all" 1 'out of memory' env EMU_MEMORY=1000000 $run "$build/glamm" run $nano
says "no room for the weights" 1 'models/nano: the device has no room for the weights' env EMU_MEMORY=$((34000000 + weights / 2)) $run "$build/glamm" run $nano
says "no room for the work" 1 'out of memory: .* MB more were wanted' env EMU_MEMORY=$((35500000 + weights)) $run "$build/glamm" run $nano
}
LINES_AT_MOST=1000
says "info" 0 'device +emulated GPU' $run "$build/glamm" info models/nano --backend cuda
says "info on slots" 0 'slots on the CPU +none' $run "$build/glamm" info models/nano --backend cuda
says "info on slots of the backward pass" 0 'backward, on the CPU +none' $run "$build/glamm" info models/nano --backend cuda
says "info on what was never tried" 0 'no GPU has run it yet; CUDA graphs are off' $run "$build/glamm" info models/nano --backend cuda

# ---- rules of the sources ----
stray=$(grep -nE '<<<|asm *(volatile)? *\(' gpu/*.cu gpu/*.h tests/*.cu | grep -v 'gpu/gpu.h:.*kernel<<<')
if [ -z "$stray" ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAIL: launches but by LAUNCH, or PTX: $stray"; fi
bare=$(grep -nE '__shfl(_up|_down|_xor)? *\(|__(any|all|ballot) *\(' gpu/*.cu gpu/*.h tests/*.cu)
if [ -z "$bare" ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAIL: warp operations without _sync: $bare"; fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
