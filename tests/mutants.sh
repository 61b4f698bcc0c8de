#!/bin/bash
# usage: mutants.sh BUILD [RULE]     Plants every mistake of tests/mutants.txt (or those of the rule whose name
# begins so) in the oracle's source, one at a time, runs `verify` on the slots that it touches, and prints
# what caught it; those of threads and barriers in gpu/, on the emulated GPU.  Exit 1 when one survives that
# is not known to.  EMU_COMPILE: the compiler of the emulation and its flags.
set -u
: "${EMU_COMPILE:?make mutants sets it}"
build=$1 only=${2:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mutants=0 caught=0 known=0 survived=0
cat > "$work/plugin.c" << 'C'
#include "kernels.h"
gm_plugin glamm_plugin = { .size = sizeof(gm_kernels) };
__attribute__((constructor)) static void fill(void) { glamm_plugin.kernels = gm_kernels_ref(); }
C
"${CC:-cc}" -fPIC -Iref -c "$work/plugin.c" -o "$work/plugin.o" || exit 1
cat > "$work/prelude.h" << 'C'
#include <math.h>
#include "typed.h"
static inline float bf16(double v) { return gm_from_bf16(gm_to_bf16((float)v)); }
/* To 4e-5. */
static inline double coarse_exp(double v)
{
    double t = v * 1.4426950408889634, i = floor(t), f = t - i;
    if (!(fabs(v) < 700)) return exp(v);
    return ldexp(1 + f * (0.69315 + f * (0.24014 + f * (0.0555 + f * 0.0113))), (int)i);
}
/* mean(x^2) - mean(x)^2, in float. */
static inline double one_pass(const float *x, int64_t count, int64_t run, int64_t stride)
{
    float sum = 0, square = 0, n = (float)(count * run);
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < run; j++) {
            sum += x[i * stride + j];
            square += x[i * stride + j] * x[i * stride + j];
        }
    return square / n - sum / n * (sum / n);
}
C

# The function that line $2 of file $1 stands in, and the slots that a function serves.
function_of() { head -n "$2" "$1" | grep -oE '^[a-z][a-z0-9_ *]*\b[a-z0-9_]+\(' | tail -1 | grep -oE '[a-z0-9_]+\($' | tr -d '('; }
slots_of() {
    case $1 in
    conv_at) echo conv2d ;;
    conv_dx_at | conv_dw_at) echo conv2d_backward ;;
    conv_transpose_dx_at) echo conv_transpose2x2_backward ;;
    moments) echo layernorm layernorm2d groupnorm layernorm2d_backward groupnorm_backward ;;
    norm_dx) echo layernorm_backward layernorm2d_backward groupnorm_backward ;;
    pixel_norm_dw | ref_layernorm2d_backward) echo layernorm_backward layernorm2d_backward ;;
    root_mean_square) echo rmsnorm rmsnorm_backward ;;
    rmsnorm_dw) echo rmsnorm_backward ;;
    dot) echo attention attention_backward ;;
    doubles_per_head | scores | weigh | ref_attention_scratch) echo attention ;;
    query_row | key_at | sees | rel_row_h | rel_row_w | score_of | sums_of | weight_of | add_to) echo attention_backward ;;
    query_gradient | key_gradients | rel_gradient | owners | ref_attention_backward_scratch) echo attention_backward ;;
    elements | ref_attention16_scratch) echo attention16 ;;
    resize_tap) echo resize resize_backward ;;
    blend) echo resize roi_align ;;
    share) echo resize_backward roi_align_backward ;;
    resize_readers) echo resize_backward ;;
    roi_tap) echo roi_align roi_align_backward ;;
    roi_sample) echo roi_align ;;
    roi_share | roi_dx_at) echo roi_align_backward ;;
    exp_sum | labelled) echo cross_entropy cross_entropy_backward ;;
    sigmoid | dice_terms) echo dice dice_backward ;;
    ref_*) echo "${1#ref_}" ;;
    esac
}

# What the report in $work/out complains of.
reasons() {
    local out=$work/out r=
    add() { ! grep -E '^  (FAIL|VACUOUS)' "$out" | grep -qE -- "$1" || r="$r, $2"; }
    add 'crashed' crash
    add 'did not return' hang
    add 'wrote (outside|behind)' 'write outside'
    add 'changed its input' 'changed input'
    add 'never wrote' 'not written'
    add 'other bits' 'other bits'
    add 'returned|ended the process' 'error'
    add 'got -?(nan|inf)|want -?(nan|inf)' 'NaN or Inf'
    add 'got -?[0-9.e+-]+, want -?[0-9]' value
    echo "${r#, }"
}

# The library of $work/mutant.c in place of the oracle's $1.
build() {
    "${CC:-cc}" -std=c11 -O1 -w -fopenmp -fPIC -ffp-contract=off -Iref -Iref/kernels -include "$work/prelude.h" \
        -c "$work/mutant.c" -o "$work/mutant.o" 2> /dev/null &&
    "${CC:-cc}" -shared -fopenmp "$work/mutant.o" "$work/plugin.o" -o "$work/mutant.so" -lm \
        $(ls "$build"/ref/kernels/ref_*.o | grep -v "/$(basename "$1" .c).o")
}

# one RULE FILE LINE: the mutant whose source is $work/mutant.c.
one() {
    local name=$1 file=$2 line=$3 function slots slot all="" bad=0 ran=0
    function=$(function_of "$file" "$line")
    slots=$(slots_of "$function")
    { [ -n "$slots" ] && build "$file"; } || return
    for slot in $slots; do
        "$build/verify" --limit 10 --op "$slot" "$work/mutant.so" > "$work/out" 2>&1
        bad=$((bad + $(grep -cE '^  (FAIL|VACUOUS)' "$work/out")))
        ran=$((ran + $(grep -cE '^  (FAIL|VACUOUS|pass)' "$work/out")))
        all="$all${all:+; }$(reasons)"
    done
    mutants=$((mutants + 1))
    local verdict="$bad of $ran cases: $all"
    if [ "$bad" != 0 ]; then caught=$((caught + 1))
    elif grep -q "^keep $function $name:" tests/mutants.txt; then known=$((known + 1)) verdict="survives, as is known"
    else survived=$((survived + 1)) verdict=SURVIVES; fi
    printf '%-32s %-20s %-22s %s\n' "$name" "$function" "$(basename "$file"):$line" "$verdict"
    [ "$bad" != 0 ] || sed -n "${line}s/^ */    /p" "$work/mutant.c"
}

# ---- gpu/: kernels on the emulated GPU ----

# The files that function $2 of file $1 is compiled into; the slots of a file.
files_of() {
    case $1 in
    *.h) grep -lw "$2" gpu/*.cu || grep -lF "#include \"$(basename "$1")\"" gpu/*.cu ;;
    *) echo "$1" ;;
    esac
}
slots_in() { grep -hoE '^int cuda_[a-z0-9_]+\(' "$1" | grep -oE '[a-z0-9_]+\($' | tr -d '(' | sed 's/^cuda_//'; }
gpu_function() { head -n "$2" "$1" | grep -E '^ *(template|static|__global__|k_)[^;]*\(' | tail -1 | grep -oE '[a-z0-9_]+\(' | tail -1 | tr -d '('; }

# The emulation with files $1 as in $work/gpu, in place of its own.
build_gpu() {
    local f others
    others=$(ls "$build"/emu/gpu/*.o "$build"/emu/gpu/emu/*.o)
    for f in $1; do
        $EMU_COMPILE -w -O1 -x c++ -c "$work/$f" -o "$work/$(basename "$f").o" 2> /dev/null || return 1
        others=$(grep -v "/$(basename "$f").o$" <<< "$others")
    done
    # shellcheck disable=SC2086
    $EMU_COMPILE -shared $(for f in $1; do echo "$work/$(basename "$f").o"; done) $others -o "$work/mutant.so"
}

emulated() { EMU_ORDER=$1 GLAMM_CUDA=$work/mutant.so gpu/emu/run.sh "$build/verify" --limit 60 --backend cuda --op "$2" > "$work/out" 2>&1; }
fresh() { rm -rf "$work/gpu" "$work/ref" && cp -r gpu ref "$work"; }

# one_gpu RULE FILE LINE: $work/gpu has the mutant.  In each order of threads until one catches it.
one_gpu() {
    local name=$1 file=$2 line=$3 function files slot order found="" verdict
    function=$(gpu_function "$file" "$line")
    files=$(files_of "$file" "$function")
    build_gpu "$files" || { echo "$name $file:$line does not compile"; survived=$((survived + 1)); return; }
    for order in forward reverse random:1 random:2; do
        for slot in $(for f in $files; do slots_in "$f"; done); do
            emulated $order "$slot"
            grep -qE '^  (FAIL|VACUOUS)' "$work/out" || continue
            found="$slot, threads $order: $(grep -cE '^  (FAIL|VACUOUS)' "$work/out") of $(grep -cE '^  (FAIL|VACUOUS|pass)' "$work/out") cases: $(reasons)"
            break 2
        done
    done
    mutants=$((mutants + 1))
    if [ -n "$found" ]; then caught=$((caught + 1)) verdict=$found
    elif grep -q "^keep $function $name:" tests/mutants.txt; then known=$((known + 1)) verdict="survives, as is known"
    else survived=$((survived + 1)) verdict=SURVIVES; fi
    printf '%-32s %-20s %-22s %s\n' "$name" "$function" "$(basename "$file"):$line" "$verdict"
    [ -n "$found" ] || sed -n "$((line - 1)),$((line))s/^ */    /p" "$file"
}

# Without a mistake nothing is caught: else every verdict below would be worth nothing.
cp ref/kernels/ref_sums.c "$work/mutant.c"
{ build ref/kernels/ref_sums.c && "$build/verify" "$work/mutant.so" > "$work/out" 2>&1; } ||
    { cat "$work/out"; echo "the oracle itself does not pass"; exit 1; }
{ fresh && build_gpu gpu/maps.cu && emulated forward relu; } ||
    { cat "$work/out"; echo "the emulation itself does not pass"; exit 1; }

while IFS='~' read -r name pattern replacement where; do
    case $name in '' | \#* | keep\ *) continue ;; esac
    case $name in "$only"*) ;; *) continue ;; esac
    found=0
    if [ "$where" = gpu ]; then
        for file in gpu/*.cu gpu/*.h; do
            for line in $(grep -nE -- "$pattern" "$file" | grep -vE '^[0-9]+:(/\*| \*|#)' | cut -d: -f1); do
                fresh
                sed -i -E "${line}s~$pattern~$replacement~" "$work/$file"
                found=1
                one_gpu "$name" "$file" "$line"
            done
        done
        [ $found = 1 ] || { echo "$name: fits no line"; survived=$((survived + 1)); }
        continue
    fi
    for file in ref/kernels/ref_{moves,maps,sums,space,attention,cache,loss}.c; do
        for line in $(grep -nE -- "$pattern" "$file" | grep -vE '^[0-9]+:(/\*| \*|#)' | cut -d: -f1); do
            sed -E "${line}s~$pattern~$replacement~" "$file" > "$work/mutant.c"
            found=1
            one "$name" "$file" "$line"
        done
    done
    [ $found = 1 ] || { echo "$name: fits no line"; survived=$((survived + 1)); }
done < tests/mutants.txt
echo "$mutants mutants: $caught caught, $known known to survive, $survived others survive"
[ "$survived" = 0 ] && [ "$mutants" -gt 0 ]
