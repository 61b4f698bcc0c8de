/* A COCO segmentation on a picture of 7 x 9 pixels: what is read is a mask, and survives being
 * written. */
#include <stdlib.h>
#include <string.h>
#include "../../io/segmentation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    json_t *o = json_loadb((const char *)data, n, JSON_DECODE_ANY, NULL);
    gm_error e = { "" };
    gm_rle r, again;
    if (!o) return 0;
    int bad = gm_segmentation_read(&r, o, 9, 7, &e);
    if ((bad != 0) != (e.text[0] != 0) || (bad && r.count)) abort();
    if (!bad) {
        int64_t sum = 0;
        for (int64_t i = 0; i < r.n; i++) sum += r.count[i];
        if (sum != r.height * r.width) abort();
        char *text = gm_rle_text(&r, &e);
        if (!text || gm_rle_parse(&again, text, r.height, r.width, &e) != 0) abort();
        if (again.n != r.n || memcmp(again.count, r.count, (size_t)r.n * sizeof *r.count)) abort();
        gm_rle_free(&again);
        free(text);
    }
    gm_rle_free(&r);
    json_decref(o);
    return 0;
}
