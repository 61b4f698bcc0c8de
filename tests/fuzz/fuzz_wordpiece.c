/* BERT's pieces, a zero byte, a text: every id is a piece, [CLS] first and [SEP] last. */
#include <stdlib.h>
#include <string.h>
#include "../../eval/wordpiece.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *all = malloc(n + 2);
    gm_error e = { "" };
    if (!all) abort();
    if (n) memcpy(all, data, n);
    all[n] = all[n + 1] = 0;
    gm_wordpiece *w = gm_wordpiece_parse(all, "VOCAB", &e);
    if (!w != (e.text[0] != 0)) abort();
    if (w) {
        int64_t k;
        int32_t *id = gm_wordpiece_ids(w, all + strlen(all) + (strlen(all) < n), 64, &k);
        if (!id || k < 2 || k > 64) abort();
        for (int64_t i = 0; i < k; i++)
            if (id[i] < 0 || id[i] >= gm_wordpiece_size(w)) abort();
        free(id);
    }
    gm_wordpiece_free(w);
    free(all);
    return 0;
}
