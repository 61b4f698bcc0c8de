/* Grounded captions: caption file, mask file and one prediction, a zero byte between two. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../eval/gcg.h"
#include "../../io/os.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define DIR "build/fuzz/gcg"

static void put(const char *path, const uint8_t *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const keys[] = { "image_id", NULL };
    static const char *const file[] = { DIR "/val_gcg_coco_caption_gt.json",
                                        DIR "/val_gcg_coco_mask_gt.json", DIR "/pred/a.json" };
    gm_error e = { "" };
    gm_gcg g;
    gm_gcg_scores s = { .each = NULL };
    gm_predictions *p = NULL;
    if (gm_make_dir(DIR "/pred", &e) != 0) abort();
    for (int i = 0; i < 3; i++) {
        const uint8_t *end = n ? memchr(data, 0, n) : NULL;
        size_t k = end ? (size_t)(end - data) : n;
        put(file[i], data, k);
        data += end ? k + 1 : k;
        n -= end ? k + 1 : k;
    }
    int bad = gm_gcg_read(&g, DIR, "val", &e);
    if (!bad && !(p = gm_predictions_open(DIR "/pred", keys, &g.problems, &e))) abort();
    if (!bad) bad = gm_gcg_score(&s, &g, p, &e);
    if ((bad != 0) != (e.text[0] != 0)) abort();
    if (!bad && (!(s.miou >= 0 && s.miou <= 1) || !(s.caption.meteor >= 0))) abort();
    if (!bad && s.ap[1] != -1 && !(s.ap[1] >= 0 && s.ap[1] <= 1)) abort();
    gm_predictions_free(p);
    gm_gcg_scores_free(&s);
    gm_gcg_free(&g);
    return 0;
}
