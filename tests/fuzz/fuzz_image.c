/* Image files: bytes -> decode -> both encoders' pixels. What is decoded has the sizes that the
 * header promised, and pixels are finite. */
#include <math.h>
#include <stdlib.h>
#include "../../io/image_formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { CLIP = 14, SAM = 24 };

static void must(int good)
{
    if (!good) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const gm_config g = { .clip = { .shortest = CLIP, .crop = CLIP, .std = { 1, 1, 1 } } };
    gm_error e = { "" };
    gm_image_header h;
    gm_image im;
    int bad = gm_image_probe(&h, data, n, "file", &e);
    must(!bad == !e.text[0]);
    /* A large picture of few bytes is slow, not wrong. */
    if (!bad && h.width * h.height > 1 << 18) return 0;
    e.text[0] = 0;
    bad = gm_image_decode(&im, data, n, "file", &e);
    must(!bad == !e.text[0] && !bad == (im.rgb != NULL));
    if (bad) return 0;
    must(im.width * im.height == h.width * h.height
         && (im.width == h.width || im.width == h.height));
    float clip[3 * CLIP * CLIP], sam[3 * SAM * SAM];
    int64_t resized[2];
    must(gm_pixels_clip(clip, &im, &g, &e) == 0);
    for (size_t i = 0; i < sizeof clip / sizeof *clip; i++) must(isfinite(clip[i]));
    if (gm_pixels_sam(sam, &im, SAM, resized, &e) == 0)
        for (size_t i = 0; i < sizeof sam / sizeof *sam; i++) must(isfinite(sam[i]));
    gm_image_free(&im);
    return 0;
}
