#!/bin/bash
# usage: gpu/run_on_gpu.sh build|goldens|bench     On a machine with an NVIDIA GPU and nvcc, each under ten minutes, in
# this order.  What the machine lacks of Debian's libraries comes from build/gpu-kit (make gpu-kit, elsewhere).
#   build     builds everything, runs every kernel case on the GPU in f32 and bf16, and the .cu template
#   goldens   tiny, mini, nano, wide, bf16 end to end; decoding as CUDA graphs; answers as the CPU gives them
#   bench     make bench's GPU rows, and decoding with graphs
# The last line is `N passed, M failed`.
set -u
cd "$(dirname "$0")/.." || exit 2
kit=build/gpu-kit
root=$PWD/$kit/root
passed=0 failed=0
counts() {
    local name=$1 log p=0 f=1
    log=$(mktemp)
    echo "== $name"
    timeout 400 "${@:2}" 2>&1 | tee "$log" | grep -E 'FAIL|error|^on |passed|gpu-|free' | head -60
    read -r p f < <(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -1 | sed -E 's/^([0-9]+) passed, ([0-9]+) failed.*/\1 \2/')
    passed=$((passed + ${p:-0})) failed=$((failed + ${f:-1}))
    rm -f "$log"
}
# runs NAME COMMAND...: counted by its exit status.
runs() {
    echo "== $1"
    if timeout 400 "${@:2}"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAIL: $1"; fi
}

if [ -f $kit/kit.tar.xz ]; then
    [ -d "$root" ] || tar -xJf $kit/kit.tar.xz -C $kit || exit 1
    lib=$root/usr/lib/x86_64-linux-gnu inc=$root/usr/include
    export C_INCLUDE_PATH=$inc:$inc/x86_64-linux-gnu:$inc/x86_64-linux-gnu/openblas-openmp
    export LIBRARY_PATH=$lib/openblas-openmp:$lib LD_LIBRARY_PATH=$lib/openblas-openmp:$lib
    # The package's link names Debian's file; this machine has its own.
    ln -sf "$(ldconfig -p | sed -n 's/.*libz\.so\.1 .*x86-64.* => //p' | head -1)" "$lib/libz.so"
    [ ! -e "$lib/libturbojpeg.so" ] || export JPEG=turbo
fi

case ${1:-} in
build)
    nvidia-smi
    runs "everything builds" make -s -j"$(nproc)" CUDA=1 WARN=-Wall all build/verify build/golden build/glamm-bench
    runs "info" build/glamm info models/nano --backend cuda
    counts "kernel cases" build/verify --backend cuda --limit 120
    counts "kernel cases, bf16" build/verify --backend cuda-bf16 --limit 120
    counts "the template" make -s verify KERNELS=tests/example_kernels.cu
    if command -v compute-sanitizer > /dev/null; then
        for tool in memcheck racecheck; do
            runs "compute-sanitizer, $tool" compute-sanitizer --tool $tool --target-processes all --error-exitcode 1 \
                build/verify --backend cuda --op attention --limit 300
        done
    fi ;;
goldens)
    for d in mini nano wide bf16 tiny; do counts "golden/$d" build/golden --backend cuda golden/$d; done
    counts "golden/mini, decoding as graphs" env GLAMM_CUDA_GRAPHS=1 build/golden --backend cuda golden/mini
    counts "golden/nano, decoding as graphs" env GLAMM_CUDA_GRAPHS=1 build/golden --backend cuda golden/nano
    mkdir -p out
    for b in cpu cuda cuda-bf16; do
        build/glamm run models/nano golden/nano/scenes/*.png --backend $b --redo --quiet --out out/gpu-$b > out/gpu-$b.txt 2>&1 || true
    done
    runs "nano answers as on the CPU" diff out/gpu-cpu.txt out/gpu-cuda.txt
    runs "nano answers as on the CPU, bf16" diff out/gpu-cpu.txt out/gpu-cuda-bf16.txt ;;
bench)
    runs "GPU rows" build/glamm-bench --gpu
    for type in "" -q8_0 -q4_0 -q4_K; do
        runs "decoding as graphs" env GLAMM_CUDA_GRAPHS=1 build/glamm-bench --only gpu-decode$type
    done ;;
*) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
