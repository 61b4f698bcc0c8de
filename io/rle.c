/* COCO run-length masks: pycocotools maskApi.c rleEncode, rleDecode, rleArea, rleToBbox,
 * rleToString, rleFrString, rleIou, rleMerge; groundingLMM eval/utils.py mask_to_rle_pytorch,
 * coco_encode_rle. */
#include "rle.h"

#include <stdlib.h>
#include <string.h>

/* A mask is at most 2^32 - 1 pixels, as pycocotools' runs. */
static int check_size(int64_t height, int64_t width, gm_error *e)
{
    if (height > 0 && width > 0 && height <= UINT32_MAX / width) return 0;
    return gm_fail(e, "mask: wanted 1 to 2^32 - 1 pixels, found %lld x %lld", (long long)width,
                   (long long)height);
}

static bool inside(const uint8_t *mask, const float *logits, int64_t i)
{
    return mask ? mask[i] != 0 : logits[i] > 0;
}

/* The runs of either form; counts only when count is NULL. */
static int64_t runs(uint32_t *count, const uint8_t *mask, const float *logits, int64_t H, int64_t W)
{
    int64_t n = 0, length = 0;
    bool now = false;
    for (int64_t x = 0; x < W; x++) {
        for (int64_t y = 0; y < H; y++) {
            if (inside(mask, logits, y * W + x) != now) {
                if (count) count[n] = (uint32_t)length;
                n++;
                length = 0;
                now = !now;
            }
            length++;
        }
    }
    if (count) count[n] = (uint32_t)length;
    return n + 1;
}

static int encode(gm_rle *r, const uint8_t *mask, const float *logits, int64_t H, int64_t W,
                  gm_error *e)
{
    *r = (gm_rle){ 0 };
    if (check_size(H, W, e) != 0) return -1;
    int64_t n = runs(NULL, mask, logits, H, W);
    uint32_t *count = malloc((size_t)n * sizeof *count);
    if (!count) return gm_fail(e, "mask of %lld x %lld: out of memory", (long long)W, (long long)H);
    runs(count, mask, logits, H, W);
    *r = (gm_rle){ H, W, n, count };
    return 0;
}

int gm_rle_encode(gm_rle *r, const uint8_t *mask, int64_t height, int64_t width, gm_error *e)
{
    return encode(r, mask, NULL, height, width, e);
}

int gm_rle_encode_logits(gm_rle *r, const float *logits, int64_t height, int64_t width, gm_error *e)
{
    return encode(r, NULL, logits, height, width, e);
}

void gm_rle_decode(uint8_t *mask, const gm_rle *r)
{
    int64_t x = 0, y = 0;
    for (int64_t i = 0; i < r->n; i++) {
        for (uint32_t k = 0; k < r->count[i]; k++) {
            mask[y * r->width + x] = i & 1;
            if (++y == r->height) {
                y = 0;
                x++;
            }
        }
    }
}

/* Every count but the first three is written as its difference to the count two before: 5 bits a
 * character, low bits first, 32 marks that more follow, offset 48; 16 in the last is the sign. */
char *gm_rle_text(const gm_rle *r, gm_error *e)
{
    /* 33 bits and a sign take 7 characters. */
    char *text = malloc((size_t)r->n * 7 + 1), *p = text;
    if (!text) {
        gm_fail(e, "mask of %lld runs: out of memory", (long long)r->n);
        return NULL;
    }
    for (int64_t i = 0; i < r->n; i++) {
        int64_t v = r->count[i];
        if (i > 2) v -= r->count[i - 2];
        for (bool more = true; more;) {
            int bits = v & 31;
            v = (v - bits) / 32;
            more = bits & 16 ? v != -1 : v != 0;
            *p++ = (char)(48 + bits + (more ? 32 : 0));
        }
    }
    *p = 0;
    return text;
}

/* One difference from *text, which moves on; false for characters that mean nothing. */
static bool parse_number(int64_t *v, const char **text)
{
    *v = 0;
    for (int shift = 0; shift <= 30; shift += 5) {
        int bits = *(*text)++ - 48;
        if (bits < 0 || bits > 63) return false;
        *v += (int64_t)(bits & 31) << shift;
        if (bits & 32) continue;
        if (bits & 16) *v -= (int64_t)32 << shift;
        return true;
    }
    return false;
}

int gm_rle_parse(gm_rle *r, const char *text, int64_t height, int64_t width, gm_error *e)
{
    *r = (gm_rle){ 0 };
    if (check_size(height, width, e) != 0) return -1;
    int64_t left = height * width, n = 0;
    uint32_t *count = malloc((strlen(text) + 1) * sizeof *count);
    if (!count) return gm_fail(e, "mask: out of memory for %zu characters", strlen(text));
    bool good = true;
    while (good && *text) {
        int64_t v;
        good = parse_number(&v, &text);
        if (good && n > 2) v += count[n - 2];
        good = good && v >= 0 && v <= left;
        if (!good) break;
        count[n++] = (uint32_t)v;
        left -= v;
    }
    if (!good || left != 0) {
        free(count);
        return gm_fail(e, "mask: wanted runs that add up to %lld x %lld pixels, found other text",
                       (long long)width, (long long)height);
    }
    *r = (gm_rle){ height, width, n, count };
    return 0;
}

int64_t gm_rle_area(const gm_rle *r)
{
    int64_t area = 0;
    for (int64_t i = 1; i < r->n; i += 2) area += r->count[i];
    return area;
}

void gm_rle_box(const gm_rle *r, int64_t box[4])
{
    int64_t H = r->height, x0 = r->width, y0 = H, x1 = -1, y1 = -1, at = 0;
    for (int64_t i = 0; i < r->n; i++) {
        int64_t first = at, last = at + r->count[i] - 1;
        at += r->count[i];
        if (i % 2 == 0 || last < first) continue;
        int64_t columns = last / H - first / H;
        int64_t top = columns ? 0 : first % H, bottom = columns ? H - 1 : last % H;
        if (first / H < x0) x0 = first / H;
        if (last / H > x1) x1 = last / H;
        if (top < y0) y0 = top;
        if (bottom > y1) y1 = bottom;
    }
    memset(box, 0, 4 * sizeof *box);
    if (x1 >= 0) memcpy(box, (int64_t[]){ x0, y0, x1 - x0 + 1, y1 - y0 + 1 }, 4 * sizeof *box);
}

int gm_rle_overlap(const gm_rle *a, const gm_rle *b, int64_t *both, int64_t *either)
{
    if (a->height != b->height || a->width != b->width) return -1;
    int64_t i = 0, j = 0, end_a = a->count[0], end_b = b->count[0], at = 0;
    int64_t all = a->height * a->width;
    *both = *either = 0;
    while (at < all) {
        int64_t next = end_a < end_b ? end_a : end_b;
        if (i & j & 1) *both += next - at;
        if ((i | j) & 1) *either += next - at;
        at = next;
        while (end_a == at && i + 1 < a->n) end_a += a->count[++i];
        while (end_b == at && j + 1 < b->n) end_b += b->count[++j];
    }
    return 0;
}

int gm_rle_union(gm_rle *r, const gm_rle *a, const gm_rle *b, gm_error *e)
{
    *r = (gm_rle){ 0 };
    if (a->height != b->height || a->width != b->width)
        return gm_fail(e, "masks of two sizes: %lld x %lld and %lld x %lld", (long long)a->width,
                       (long long)a->height, (long long)b->width, (long long)b->height);
    int64_t all = a->height * a->width, n = 0, at = 0, i = 0, j = 0;
    uint32_t *count = malloc((size_t)(a->n + b->n + 1) * sizeof *count);
    if (!count) return gm_fail(e, "mask of %lld runs: out of memory", (long long)(a->n + b->n));
    int64_t end_a = a->count[0], end_b = b->count[0], start = 0;
    for (bool now = false; at < all;) {
        bool inside = (i | j) & 1;
        if (inside != now) {
            count[n++] = (uint32_t)(at - start);
            start = at;
            now = inside;
        }
        at = end_a < end_b ? end_a : end_b;
        while (end_a == at && i + 1 < a->n) end_a += a->count[++i];
        while (end_b == at && j + 1 < b->n) end_b += b->count[++j];
    }
    count[n++] = (uint32_t)(all - start);
    *r = (gm_rle){ a->height, a->width, n, count };
    return 0;
}

double gm_rle_iou(const gm_rle *found, const gm_rle *truth, bool crowd)
{
    int64_t both, either;
    if (gm_rle_overlap(found, truth, &both, &either) != 0) return -1;
    if (both == 0) return 0;
    return (double)both / (double)(crowd ? gm_rle_area(found) : either);
}

void gm_rle_free(gm_rle *r)
{
    free(r->count);
    *r = (gm_rle){ 0 };
}

char *gm_rle_from_logits(const float *logits, int64_t height, int64_t width, gm_error *e)
{
    gm_rle r;
    if (gm_rle_encode_logits(&r, logits, height, width, e) != 0) return NULL;
    char *text = gm_rle_text(&r, e);
    gm_rle_free(&r);
    return text;
}
