#!/bin/bash
# usage: verify.sh VERIFY     make verify on right and on broken kernels: each must be reported as what it is.
set -u
verify=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

fail() { failed=$((failed + 1)); echo "FAIL: $1"; [ ! -f "$work/out" ] || sed 's/^/    /' "$work/out" | head -12; }

# says NAME STATUS PATTERN COMMAND...: the exit status, and a line of output that matches PATTERN.
says() {
    local name=$1 wanted=$2 pattern=$3
    timeout 60 "${@:4}" > "$work/out" 2>&1
    local status=$?
    if [ "$status" != "$wanted" ]; then fail "$name: exit status $status, wanted $wanted"
    elif ! grep -qE -- "$pattern" "$work/out"; then fail "$name: says nothing like '$pattern'"
    else passed=$((passed + 1)); fi
}

# build NAME BODY [MORE]: a library whose relu has this body and whose glamm_plugin has MORE; path in $so.
build() {
    so=$work/$1.so
    printf '%s\n' '#include <kernels.h>' '#include <stdio.h>' '#include <stdlib.h>' 'static int count;' \
        'static int relu(float *y, const float *x, int64_t N) {' \
        'for (int64_t i = 0; i < N; i++) y[i] = x[i] < 0 ? 0 : x[i];' "(void)count; $2; return 0; }" \
        'static const gm_kernels table = { .name = "test", .relu = relu };' \
        "const gm_plugin glamm_plugin = { .size = sizeof(gm_kernels), .kernels = &table, ${3:-} };" > "$work/$1.c"
    "${CC:-cc}" -std=gnu11 -O1 -w -fPIC -shared -I"$(dirname "$verify")/include" "$work/$1.c" -o "$so" || fail "$1 does not compile"
}

# relu STATUS PATTERN NAME BODY [MORE]: how a broken relu is reported.
relu() { build "$3" "$4" "${5:-}"; says "$3" "$1" "$2" "$verify" --limit 5 "$so"; }

# ---- right kernels ----
says "the example" 0 '^54 passed, 0 failed$' "${MAKE:-make}" --no-print-directory verify KERNELS=tests/example_kernels.c
says "other right kernels" 0 '^464 passed, 0 failed$' \
    "${MAKE:-make}" --no-print-directory verify KERNELS=tests/right_kernels.c
says "plain float loops" 0 '^1052 passed, 0 failed$' "${MAKE:-make}" --no-print-directory verify KERNELS=tests/plain_kernels.c \
    KFLAGS='-O2 -fopenmp -fsingle-precision-constant'
says "our own" 0 '^11 passed, 0 failed$' "$verify" --backend cpu --op softmax
relu 0 '^6 passed, 0 failed$' right ''
says "one case" 0 '^1 passed, 0 failed$' "$verify" --op relu --case edges "$so"
says "a benchmark" 0 'GFLOP/s, [0-9.e+-]+ of the roofline' "$verify" --bench --backend cpu --op linear --case 'f32 64x48x80'
says "JSON" 0 '"verdict": "pass"' "$verify" --json "$so"
build talks 'puts("x"); fflush(stdout)'
says "JSON of a kernel that prints" 0 '^1:\{$' bash -c "'$verify' --json '$so' 2> /dev/null | grep -n '^[x{]'"
says "nothing but JSON" 1 '^0$' bash -c "'$verify' --json '$so' 2> /dev/null | grep -c '^x'"

# ---- broken kernels ----
relu 1 'FAIL .* edges .* got 0, want nan from PyTorch' hides_nan 'for (int64_t i = 0; i < N; i++) y[i] = x[i] > 0 ? x[i] : 0'
says "the command that repeats it" 1 "again: make verify KERNELS=.*hides_nan.so OP=relu CASE='edges'" "$verify" "$so"
says "JSON of a failure" 1 '"verdict": "fail"' "$verify" --json "$so"
relu 1 'FAIL .*64 in .*crashed: Segmentation fault' crashes 'if (N == 64) *(volatile int *)0 = 1'
says "a crash is not the end" 1 '^5 passed, 1 failed$' "$verify" "$so"
relu 1 'FAIL .*crashed: Aborted' aborts 'if (N == 13) abort()'
relu 1 'FAIL .*ended the process with exit status 0' leaves 'if (N == 13) exit(0)'
build hangs 'if (N > 1) for (;;) *(volatile float *)y = 0'
says "hangs" 1 'FAIL .*did not return within 0.2 s' "$verify" --limit 0.2 "$so"
says "hanging ends" 1 'FAIL .*not run: this op has crashed or hung too often' "$verify" --limit 0.2 "$so"
relu 1 'FAIL .*wrote outside its output' writes_past_the_end 'y[N] = 0'
relu 1 'FAIL .*wrote outside its output' writes_before_the_start 'y[-1] = 0'
relu 1 'FAIL .*crashed: Segmentation fault' reads_past_the_end 'y[0] += 0 * ((volatile float *)x)[N]'
# What leaves no trace: a wall shows it.
relu 1 'FAIL .*crashed: Segmentation fault .no memory lies around an input or behind an output' reads_before_the_start '((volatile float *)x)[-1]'
relu 1 'FAIL .*crashed: Segmentation fault' writes_what_is_there 'volatile float *v = y; v[N] = v[N]'
relu 1 'FAIL .*changed its input x' changes_its_input '((float *)x)[0] = 7'
relu 1 'FAIL .*never wrote element 12' misses_the_last 'if (N == 13) ((int *)y)[12] = 0x7fedcba9'
relu 1 '^0 passed, 6 failed$' constant 'for (int64_t i = 0; i < N; i++) y[i] = 0.125f'
relu 1 'FAIL .*returned 3' refuses 'return 3'
relu 1 'FAIL .*gave other bits the second time' unsteady 'y[0] *= 1 + 1.1920929e-7f * (count++ % 2)'
relu 0 'relu is declared non-deterministic' declared 'y[0] *= 1 + 1.1920929e-7f * (count++ % 2)' '.nondeterministic = "gelu relu"'
relu 1 'FAIL .*gave other bits' declared_another 'y[0] *= 1 + 1.1920929e-7f * (count++ % 2)' '.nondeterministic = "relu6 gelu"'
coarse='for (int64_t i = 0; i < N; i++) { union { float f; unsigned u; } v = { y[i] }; if (N > 23) v.u &= 0xffff0000; y[i] = v.f; }'
relu 1 'FAIL .*1009 in' coarse "$coarse"
relu 0 'precision bfloat16' coarse_declared "$coarse" '.precision = GM_BF16'

# ---- the mistakes that the example proposes ----
# tries NAME SED PATTERN: the example after an edit, which must change it.
tries() {
    sed -E "$2" tests/example_kernels.c > "$work/try.c"
    ! cmp -s tests/example_kernels.c "$work/try.c" || { fail "$1: the example has no such line"; return; }
    "${CC:-cc}" -std=gnu11 -O2 -fopenmp -w -fPIC -shared -I"$(dirname "$verify")/include" "$work/try.c" -lm \
        -o "$work/try.so" || fail "$1 does not compile"
    says "$1" 1 "$3" "$verify" --limit 5 "$work/try.so"
}
tries "one row less" 's/r < R; (.*)never wrote/r < R - 1; \1/' 'FAIL .*never wrote element'
tries "a sum onto y" 's/yr\[i\] = expf/yr[i] += expf/' 'FAIL .*never wrote element .*or added to what was there'
tries "no maximum" 's/expf\(xr\[i\] - max\)/expf(xr[i])/' 'FAIL .*far from zero'
tries "one column more" 's/i = 1; i < C/i = 1; i <= C/' 'FAIL .*crashed: Segmentation fault'
tries "a changed input" 's/yr\[i\] = expf/((float *)xr)[0] = 0, yr[i] = expf/' 'FAIL .*changed its input x'
tries "a constant" 's/yr\[i\] .= sum/yr[i] = 1.0f \/ C/' 'pass .*1x1 in'
tries "one pass" 's/square \+= .*/square += xr[i] * xr[i];/; s/(square \/ \(double\)C) \+ eps/\1 - mean * mean + eps/' 'FAIL .*large mean'
tries "unbiased variance" 's/square \/ \(double\)C/square \/ (C - 1.0)/' 'FAIL .*1x1'
tries "a gradient that is not added" 's/(dx\[r \* C \+ i\]) \+=/\1 =/' 'FAIL .*5x33 plain .*: dx element'
tries "no mean term" 's/( g) \+= .double.w/\1 *= w/' 'FAIL .*5x33 plain .*: dx element'
tries "a gradient that is not wanted" 's/if \(dw\) //' 'FAIL .*dx only.*crashed: Segmentation fault'
tries "no eps" 's/ \+ eps\);/);/' 'FAIL .*constant rows'

# ---- a whole model ----
mini() { says "$1" "$2" "$3" "$verify" --limit 30 --whole golden/mini --case gcg "$4"; }
mini "mini with a right layernorm" 0 'pass .* gcg: 412 of 412 within' "$(dirname "$verify")"/kernels/example_kernels.so
mini "mini with other right kernels" 0 'pass .* gcg: 412 of 412 within' "$(dirname "$verify")"/kernels/right_kernels.so
mini "mini without layernorm's eps" 1 'first outside: tap/model.vision_tower' "$work/try.so"
mini "where to look" 1 "again: make verify KERNELS=.*try.so WHOLE=golden/mini CASE='gcg'" "$work/try.so"
relu 1 'FAIL .*crashed' crashes_in_the_model 'abort()'
mini "a crash in mini" 1 '^ *crashed: Aborted' "$so"
says "no such case of mini" 1 "golden/mini has no case 'none'" "$verify" --whole golden/mini --case none "$so"
says "no such model" 1 'no-such' "$verify" --whole no-such "$so"

# ---- nothing to check ----
says "an unfilled slot" 1 '^nothing ran$' "$verify" --op softmax "$so"
says "which slot" 1 'table "test" does not fill softmax' "$verify" --op softmax "$so"
says "no such case" 1 '^nothing ran$' "$verify" --op relu --case 'no such case' "$so"
says "the cases that there are" 1 '^    1009 in' "$verify" --op relu --case 'no such case' "$so"
says "an unknown op" 2 'no such op; docs/OPS.md' "$verify" --op no_such_op "$so"
says "no kernels at all" 2 'no kernels were named' "$verify"
says "kernels of two kinds" 2 'not both' "$verify" --backend cpu "$so"
says "make without kernels" 2 'no kernels were named' "${MAKE:-make}" --no-print-directory verify
says "a source in another language" 2 'mine.f90: wanted .c, .cu or .so' "${MAKE:-make}" --no-print-directory verify KERNELS=mine.f90
says "flags in what repeats a failure" 2 "KFLAGS=\"-O1\" OP=relu CASE='edges'" \
    "${MAKE:-make}" --no-print-directory verify KERNELS="$work/hides_nan.c" KFLAGS=-O1
build empty '' '.kernels = &(gm_kernels){ "empty" }'
says "an empty table" 1 '^nothing ran$' "$verify" "$so"
relu 1 'wanted [0-9]+: glamm_plugin.size' other_header '' '.size = 8'
relu 1 'kernels is NULL' no_table '' '.kernels = 0'
relu 1 'precision is 5' no_precision '' '.precision = GM_U8'
says "no such file" 1 'no-such.so' "$verify" no-such.so
says "not a library" 1 'README.md' "$verify" README.md
"${CC:-cc}" -x c -fPIC -shared -o "$work/bare.so" - <<< 'int nothing;'
says "no glamm_plugin" 1 'exports no glamm_plugin' "$verify" "$work/bare.so"
"${CC:-cc}" -x c -fPIC -shared -o "$work/early.so" - <<< '__attribute__((constructor)) void f(void) { __builtin_trap(); }'
says "a crash while loading" 1 'loading it: crashed' "$verify" "$work/early.so"

# A case whose wanted values are all alike proves nothing, whatever comes out.
mkdir "$work/cases" && printf '\0\0\0\0\0\0\0\0\0\0\200\77\0\0\200\77' > "$work/cases/values.bin"
printf '[{"op":"relu","case":"dull","sizes":{"N":2},"out":[{"name":"y","n":2,"at":0,"compare":"each"}],"in":[{"name":"x","type":"f32","n":2,%s}]}]' \
    '"fill":"list","values":[-1,-2]' > "$work/cases/cases.json"
says "a vacuous case" 1 'VACUOUS .*dull' "$verify" --cases "$work/cases" "$work/right.so"
says "vacuous is no pass" 1 '^0 passed, 1 failed, 1 of these vacuous$' "$verify" --cases "$work/cases" "$work/right.so"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
