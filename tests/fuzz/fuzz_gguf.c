/* GGUF files, keys and tensors. */
#include <stdlib.h>
#include "../../io/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void use_keys(const uint8_t *data, size_t n)
{
    gm_error e = { "" };
    gm_gguf g;
    if (gm_gguf_open(&g, data, n, "FILE", &e) == 0) {
        for (int64_t i = 0; i < g.n; i++) {
            size_t length;
            const uint8_t *at = g.value[i].data;
            gm_gguf_bytes(&g.value[i], &length);
            for (uint64_t k = 0; g.value[i].type == GM_GGUF_TEXT && k < g.value[i].n; k++)
                gm_gguf_next_text(&at, &length);
        }
    } else if (!e.text[0]) {
        abort();
    }
    gm_gguf_close(&g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    gm_error e = { "" };
    use_keys(data, n);
    gm_file *f = gm_file_parse(data, n, "FILE", &e);
    if (!f && !e.text[0]) abort();
    for (int64_t i = 0; f && i < gm_file_count(f); i++) {
        gm_tensor x = gm_file_tensor(f, i);
        float *y = malloc(((size_t)gm_numel(x) + 1) * sizeof *y);
        if (y) gm_to_float(y, x.data, x.type, gm_numel(x));
        free(y);
    }
    gm_file_close(f);
    return 0;
}
