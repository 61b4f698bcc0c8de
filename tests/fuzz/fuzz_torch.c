/* Weight files of any format: zip, pickle, legacy torch, safetensors.  What is read must be
 * readable. */
#include <stdlib.h>
#include <string.h>
#include "../../io/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Where the bytes that were read go, so that reading them is not optimised away. */
static volatile uint8_t sink;

static void read_all(gm_tensor x)
{
    uint8_t sum = 0;
    size_t bytes = gm_bytes(x);
    for (size_t i = 0; i < bytes; i++) sum ^= ((const uint8_t *)x.data)[i];
    sink = sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    gm_error e = { "" };
    gm_file *f = gm_file_parse(data, n, "FILE", &e);
    if (!f) {
        if (!e.text[0]) abort();        /* every failure says why */
        return 0;
    }
    if (gm_file_copied(f) > 8 * n) abort();
    for (int64_t i = 0; i < gm_file_count(f) && i < 64; i++) {
        gm_tensor x = gm_file_find(f, gm_file_name(f, i));
        if (!x.data) abort();
        if (gm_numel(x) < 1 << 20) read_all(x);
    }
    gm_file_close(f);
    return 0;
}
