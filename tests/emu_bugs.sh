#!/bin/bash
# usage: emu_bugs.sh BUILD     Mistakes planted in tests/example_kernels.cu, one at a time: the emulated GPU must find
# each, in one of the orders of threads, and say so.
set -u
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
fail() { failed=$((failed + 1)); echo "FAIL: $1"; [ ! -f "$work/out" ] || tail -6 "$work/out" | sed 's/^/    /'; }

# finds NAME SED PATTERN [VARIABLE=VALUE...]: the example after an edit, which must change it.
finds() {
    local name=$1 pattern=$3 order
    sed -E "$2" tests/example_kernels.cu > "$work/try.cu"
    ! cmp -s tests/example_kernels.cu "$work/try.cu" || { fail "$name: the example has no such line"; return; }
    for order in forward reverse random:1; do
        if env EMU_ORDER=$order "${@:4}" "${MAKE:-make}" --no-print-directory B="$build" verify KERNELS="$work/try.cu" LIMIT=60 > "$work/out" 2>&1
        then continue; fi
        if grep -qE -- "$pattern" "$work/out"; then passed=$((passed + 1)); return; fi
    done
    fail "$name: nothing says '$pattern'"
}

"${MAKE:-make}" --no-print-directory B="$build" verify KERNELS=tests/example_kernels.cu > "$work/out" 2>&1 &&
    grep -q 'on emulated GPU' "$work/out" && passed=$((passed + 1)) || fail "the example itself"

finds "a missing barrier before reading" '/room is written/d' 'FAIL'
finds "a missing barrier before writing again" '/room may still be read/d' 'FAIL'
finds "a barrier in a branch" 's/__syncthreads\(\);( *\/\* room is written)/if (threadIdx.x < 64) __syncthreads();\1/' \
    'threads meet in different __syncthreads\(\): .*try.cu:[0-9]+, k_softmax, block \(0, 0, 0\), thread'
finds "a barrier behind a return" 's/^    max = over_block/    if (threadIdx.x >= C) return;\n    max = over_block/' \
    'a warp operation waits for a lane that has returned|not all threads reach'
finds "a read behind an input" 's/(i = threadIdx.x; i) < C(; i \+= THREADS\) max)/\1 <= C\2/' 'heap-buffer-overflow|got .*want'
finds "a write behind the output" 's/(i = threadIdx.x; i) < C(; i \+= THREADS\) yr)/\1 <= C\2/' 'heap-buffer-overflow'
finds "a write behind shared memory" 's/room\[warp\] = v/room[warp + 1] = v/' 'try.cu:[0-9]+:[0-9]+: runtime error: store to address .* with insufficient space|global-buffer-overflow'
finds "a read of shared memory that was never written" 's/if \(lane == 0\) room\[warp\]/if (lane == 0 \&\& warp) room[warp]/' 'got -?nan'
finds "a value that was never written" 's/i = threadIdx.x; i < C; i \+= THREADS\) yr/i = threadIdx.x + 1; i < C; i += THREADS) yr/' 'never wrote element'
finds "a shuffle by lanes outside its mask" 's/FULL_WARP, v, x/0xffffu, v, x/' 'mask leaves it out'
finds "a shuffle from a lane outside its mask" 's/^    for \(int x = 16; x; x \/= 2\) \{/    if (lane < 16) for (int x = 16; x; x \/= 2) {/; s/FULL_WARP, v, x/0xffffu, v, x/' \
    'reads from a lane outside its mask'
finds "a shuffle in a branch" 's/^    for \(int x = 16; x; x \/= 2\) \{/    if (lane < 16) for (int x = 16; x; x \/= 2) {/' \
    'a warp operation waits for lanes that never come'
finds "a launch whose error nobody asks for" 's/return gpu_status\(\);/return 0;/' 'nobody asked for the error of the launch of k_softmax'
finds "a launch that no GPU takes" 's/dim3\(THREADS\)/dim3(2048)/' 'returned 9'
finds "too much shared memory" 's/dim3\(THREADS\), 0, 0/dim3(THREADS), 100 * 1024, 0/' 'returned 9'

# The host may not read what lies on the device.
cat > "$work/reads.cu" <<'END'
#include <gpu.h>
int main()
{
    void *p;
    if (cudaMalloc(&p, 64)) return 0;
    return *static_cast<volatile int *>(p) == 7;
}
END
emulation=$(ls "$build"/emu/gpu/emu/*.o)
# shellcheck disable=SC2086
if ${CXX:-g++} -std=c++14 -DGPU_EMU -fsanitize=address,undefined -fsanitize-sections=emu_shared -Igpu -x c++ "$work/reads.cu" -x none $emulation \
    -o "$work/reads" 2> "$work/out"; then
    "$work/reads" 2> /dev/null; status=$?
    EMU_PROTECT=1 "$work/reads" > "$work/out" 2>&1; protected=$?
    [ $status = 0 ] && [ $protected != 0 ] && grep -q 'SEGV' "$work/out" && passed=$((passed + 1)) ||
        fail "a read of device memory by the host: exit $status, protected $protected"
else fail "a program that reads device memory does not compile"; fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
