#!/bin/bash
# usage: arm.sh BUILD     What `make check-arm` has built, run by qemu: the cases of every kernel, products by processor with and
# without the dot product of bytes, the mini model from pixels to masks, the demo's answer as PyTorch gave it.
set -u
build=$1
export OMP_NUM_THREADS=1                    # qemu's threads gain nothing here
old="qemu-aarch64-static -cpu cortex-a57" new="qemu-aarch64-static -cpu max"

says() {                                    # says CPU PATTERN: what `glamm info` calls the products
    printf '%s' "$1 $build/glamm info models/nano | grep -q '$2' && echo '1 passed, 0 failed: $2'"
}
bash tests/tally.sh "$(says "$old" 'neon for floats, neon for 8 bits (the same')" \
    "$(says "$new" 'neon for floats, neon-dotprod for 8 bits (neon-dotprod')" \
    "$new $build/verify --backend cpu | tail -1" "$old $build/verify --backend cpu --op linear | tail -1" \
    "CK_RUN_SUITE=cpu $new $build/check" "CK_RUN_SUITE=quant $new $build/check" "CK_RUN_SUITE=activations $new $build/check" \
    "CK_RUN_SUITE=activations $old $build/check" \
    "$new $build/golden --backend cpu --model golden/mini/model --case gcg golden/mini"
