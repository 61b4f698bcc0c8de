/* Masks in the forms that annotation files have (pycocotools annToMask; groundingLMM
 * RefCOCO_Segm_ds.py, GranDf_gcg_ds.py). */
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../io/segmentation.h"
#include "set.h"

/* A picture's pixels that are not black. */
static gm_problem read_picture(gm_rle *r, const char *name, const char *folder, gm_error *e)
{
    char *path = gm_path_join(folder, name);
    gm_image im = { 0 };
    if (!path) return gm_problem_say(e, GM_PROBLEM_MEMORY, "out of memory for a mask");
    int bad = gm_image_read(&im, path, e);
    int64_t n = im.width * im.height;
    for (int64_t i = 0; !bad && i < n; i++)         /* in place: pixel i is read before written */
        im.rgb[i] = im.rgb[3 * i] | im.rgb[3 * i + 1] | im.rgb[3 * i + 2];
    if (!bad) bad = gm_rle_encode(r, im.rgb, im.height, im.width, e);
    gm_image_free(&im);
    free(path);
    return bad ? GM_PROBLEM_MASK : GM_PROBLEM_NONE;
}

/* One part of a mask. */
static gm_problem read_part(gm_rle *r, const json_t *part, int64_t H, int64_t W,
                            const char *folder, gm_error *e)
{
    gm_problem p;
    *r = (gm_rle){ 0 };
    if (json_is_string(part)) p = read_picture(r, json_string_value(part), folder, e);
    else if (!json_is_object(part) && !json_is_array(part))
        p = gm_problem_say(e, GM_PROBLEM_MASK, "wanted runs, a polygon or a file's name");
    else p = gm_segmentation_part(r, part, H, W, e) ? GM_PROBLEM_MASK : GM_PROBLEM_NONE;
    if (p || (r->height == H && r->width == W)) return p;
    p = gm_problem_say(e, GM_PROBLEM_MASK, "wanted a mask of the image's %lld x %lld pixels, found "
                       "%lld x %lld", (long long)W, (long long)H, (long long)r->width,
                       (long long)r->height);
    gm_rle_free(r);
    return p;
}

gm_problem gm_mask_of(gm_rle *r, const json_t *segmentation, const gm_image *im,
                      const char *folder, gm_error *e)
{
    int64_t height = im->height, width = im->width;
    bool one = !json_is_array(segmentation) || json_is_number(json_array_get(segmentation, 0));
    size_t n = one ? 1 : json_array_size(segmentation);
    *r = (gm_rle){ 0 };
    if (!segmentation) return gm_problem_say(e, GM_PROBLEM_RECORD, "wanted a mask, found none");
    if (n == 1)
        return read_part(r, one ? segmentation : json_array_get(segmentation, 0), height, width,
                         folder, e);
    uint8_t *all = calloc((size_t)height, (size_t)width), *mask = malloc((size_t)(height * width));
    gm_problem p = all && mask ? GM_PROBLEM_NONE : GM_PROBLEM_MEMORY;
    for (size_t i = 0; !p && i < n; i++) {
        p = read_part(r, json_array_get(segmentation, i), height, width, folder, e);
        if (p) break;
        gm_rle_decode(mask, r);
        for (int64_t k = 0; k < height * width; k++) all[k] |= mask[k];
        gm_rle_free(r);
    }
    if (!p && gm_rle_encode(r, all, height, width, e)) p = GM_PROBLEM_MEMORY;
    free(all);
    free(mask);
    return p;
}
