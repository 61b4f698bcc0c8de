/* See segmentation.h. */
#include "segmentation.h"
#include <math.h>
#include <stdlib.h>
#include "json.h"
#include "polygon.h"

/* Far outside of any picture, and the longest outline: they keep the walk along it short. */
static const double FARTHEST = 1e5, LONGEST = 1 << 25;

/* Runs as numbers, which must add up to height x width (pycocotools' uncompressed form). */
static int read_runs(gm_rle *r, const json_t *list, int64_t height, int64_t width, gm_error *e)
{
    size_t n = json_array_size(list), i;
    int64_t left = height * width;
    json_t *one;
    uint32_t *count = malloc((n + 1) * sizeof *count);
    if (!count) return gm_fail(e, "mask: out of memory for %zu runs", n);
    json_array_foreach(list, i, one) {
        int64_t v = json_integer_value(one);
        if (!json_is_integer(one) || v < 0 || v > left) break;
        count[i] = (uint32_t)v;
        left -= v;
    }
    if (i < n || left || n == 0) {
        free(count);
        return gm_fail(e, "mask: wanted runs that add up to %lld x %lld pixels", (long long)width,
                       (long long)height);
    }
    *r = (gm_rle){ height, width, (int64_t)n, count };
    return 0;
}

static int read_mask(gm_rle *r, const json_t *o, gm_error *e)
{
    const json_t *size = json_object_get(o, "size"), *list = json_object_get(o, "counts");
    const json_t *h = json_array_get(size, 0), *w = json_array_get(size, 1);
    int64_t height = json_integer_value(h), width = json_integer_value(w);
    const char *counts = gm_json_text(o, "counts");
    bool sized = json_array_size(size) == 2 && json_is_integer(h) && json_is_integer(w);
    if (!sized || (!counts && !json_is_array(list)))
        return gm_fail(e, "wanted a mask: size [height, width], counts as compressed text or runs");
    if (height < 1 || width < 1 || height > UINT32_MAX / width)
        return gm_fail(e, "mask: wanted 1 to 2^32 - 1 pixels, found %lld x %lld", (long long)width,
                       (long long)height);
    return counts ? gm_rle_parse(r, counts, height, width, e)
                  : read_runs(r, list, height, width, e);
}

/* The numbers of list into xy; false unless there are six or more, in pairs, all finite and not far
 * outside. */
static bool numbers(double *xy, const json_t *list, int64_t n)
{
    double length = 0;
    bool good = n >= 6 && n % 2 == 0;
    for (int64_t i = 0; good && i < n; i++) {
        const json_t *one = json_array_get(list, (size_t)i);
        xy[i] = json_number_value(one);
        good = json_is_number(one) && fabs(xy[i]) <= FARTHEST;
        if (i >= 2) length += fabs(xy[i] - xy[i - 2]);
    }
    return good && length <= LONGEST;
}

static int read_polygon(gm_rle *r, const json_t *list, int64_t height, int64_t width, gm_error *e)
{
    int64_t n = (int64_t)json_array_size(list), points = n / 2;
    double *xy = malloc((size_t)(n + 1) * sizeof *xy);
    if (!xy) return gm_fail(e, "polygon: out of memory for %lld points", (long long)points);
    int bad = 0;
    if (!numbers(xy, list, n))
        bad = gm_fail(e, "wanted x and y in turn in a polygon of three points or more, each "
                      "within 100000 pixels, found %lld values", (long long)n);
    else if (height < 1 || width < 1)
        bad = gm_fail(e, "a polygon without the image's height and width");
    if (!bad)
        bad = gm_rle_polygons(r, (const double *[]){ xy }, &points, 1, height, width, e);
    free(xy);
    return bad;
}

int gm_segmentation_part(gm_rle *r, const json_t *o, int64_t height, int64_t width, gm_error *e)
{
    *r = (gm_rle){ 0 };
    return json_is_array(o) ? read_polygon(r, o, height, width, e) : read_mask(r, o, e);
}

int gm_segmentation_read(gm_rle *r, const json_t *o, int64_t height, int64_t width, gm_error *e)
{
    size_t n = json_array_size(o);
    *r = (gm_rle){ 0 };
    if (!json_is_array(o)) return gm_segmentation_part(r, o, height, width, e);
    if (n == 0) return gm_fail(e, "wanted a mask, found an empty list");
    int bad = gm_segmentation_part(r, json_array_get(o, 0), height, width, e);
    for (size_t i = 1; i < n && !bad; i++) {
        gm_rle part, sum = { 0 };
        bad = gm_segmentation_part(&part, json_array_get(o, i), height, width, e);
        if (!bad) bad = gm_rle_union(&sum, r, &part, e);
        gm_rle_free(&part);
        gm_rle_free(r);
        *r = sum;
    }
    return bad;
}
