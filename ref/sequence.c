/* From token ids to rows, on the host: where the image, the regions and the [SEG] states stand in
 * the expanded sequence.  Source: groundingLMM model/llava/llava_with_region_arch.py,
 * prepare_inputs_labels_for_multimodal; model/GLaMM.py, _create_seg_token_mask. */
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define IMAGE_ID (-200)

gm_tensor gm_sequence_ids(gm_ctx *c, const glamm *m, const gm_batch *b)
{
    int64_t n = b->B * b->L, V = m->llama.embed.dim[0];
    int32_t *ids = malloc((size_t)(n + 1) * sizeof *ids);
    for (int64_t i = 0; ids && i < n; i++) {
        ids[i] = b->ids[i] == IMAGE_ID ? 0 : b->ids[i];
        if (ids[i] < 0 || ids[i] >= V)
            gm_set_error(c, "token id %d: wanted one of 0 .. %lld", (int)b->ids[i],
                         (long long)V - 1);
    }
    return gm_from_owned(c, GM_I32, ids, 1, GM_DIMS(n));
}

static int64_t image_of_conversation(const gm_batch *b, int64_t conversation)
{
    int64_t i = 0;
    while (i + 1 < b->images && b->offset[i + 1] <= conversation) i++;
    return i;
}

/* One conversation's rows into out; regions are those of its image. */
static void expand(gm_ctx *c, const glamm *m, const gm_batch *b, int64_t conversation,
                   int64_t nregions, int32_t *out)
{
    int64_t T = gm_image_token_count(m), image = image_of_conversation(b, conversation), at = 0,
            bbox = 0, images = 0;
    int64_t img = b->B * b->L, regions = img + b->images * T;
    int64_t first = nregions ? b->boxes_of[image] : 0,
            have = nregions ? b->boxes_of[image + 1] - first : 0;
    const int32_t *ids = b->ids + conversation * b->L;
    for (int64_t k = 0; k < b->L; k++) {
        if (ids[k] == IMAGE_ID && images++ == 0) {
            for (int64_t t = 0; t < T; t++) out[at++] = (int32_t)(img + image * T + t);
            continue;
        }
        int32_t row = (int32_t)(conversation * b->L + k);
        if (ids[k] == m->bbox) {
            if (have == 1) row = (int32_t)(regions + first); /* one box serves every token: C2 */
            else if (bbox < have) row = (int32_t)(regions + first + bbox);
            bbox++;
        }
        if (images < 2) out[at++] = row;
    }
    if (images != 1)
        gm_set_error(c, "the prompt has %lld <image>; wanted one (Q5)", (long long)images);
    else if (bbox > have && have != 1)
        gm_set_error(c, "the prompt has %lld <bbox>, but the boxes given are %lld", (long long)bbox,
                     (long long)have);
}

gm_tensor gm_sequence_rows(gm_ctx *c, const glamm *m, const gm_batch *b, int64_t nregions)
{
    int64_t T = b->L + gm_image_token_count(m) - 1;
    int32_t *rows = calloc((size_t)(b->B * T + gm_image_token_count(m)), sizeof *rows);
    for (int64_t i = 0; rows && i < b->B && gm_ok(c); i++)
        expand(c, m, b, i, nregions, rows + i * T);
    return gm_from_owned(c, GM_I32, rows, 1, GM_DIMS(b->B * T));
}

/* Position t of conversation i is a key for attention. */
static bool is_key(const gm_batch *b, int64_t extra, int64_t i, int64_t t)
{
    return !b->padded || t < extra || b->ids[i * b->L + t - extra] != 0;
}

gm_tensor gm_sequence_keep(gm_ctx *c, const glamm *m, const gm_batch *b)
{
    int64_t extra = gm_image_token_count(m) - 1, T = b->L + extra;
    if (!b->padded) return GM_NONE;
    uint8_t *keep = malloc((size_t)(b->B * T));
    for (int64_t i = 0; keep && i < b->B; i++)
        for (int64_t t = 0; t < T; t++)
            keep[i * T + t] = is_key(b, extra, i, t);
    return gm_from_owned(c, GM_U8, keep, 2, GM_DIMS(b->B, T));
}

/* How many ids all conversations begin with that are text: their states are the same. */
static int64_t shared_beginning(const glamm *m, const gm_batch *b)
{
    for (int64_t k = 0; k < b->L; k++) {
        int32_t id = b->ids[k];
        if (id <= 0 || id == m->bbox) return k;
        for (int64_t i = 1; i < b->B; i++)
            if (b->ids[i * b->L + k] != id) return k;
    }
    return b->L;
}

llama_rows gm_sequence_packing(gm_ctx *c, const glamm *m, const gm_batch *b)
{
    int64_t extra = gm_image_token_count(m) - 1, T = b->L + extra, n = b->B * T, R = 0, N = 0;
    int64_t shared = b->share ? shared_beginning(m, b) : 0;
    int32_t *at[4];                     /* source, spread, last, last_rows */
    for (int k = 0; k < 4; k++)
        if (!(at[k] = calloc((size_t)n + 1, sizeof *at[k]))) n = 0;
    for (int64_t p = 0; p < n; p++) {
        int64_t i = p / T, t = p % T;
        if (i && t < shared) at[1][p] = at[1][t];
        else if (b->wanted[p] || is_key(b, extra, i, t)) {
            at[0][R] = (int32_t)p;
            at[1][p] = (int32_t)R++;
        }
        if (!b->wanted[p]) continue;
        at[2][N] = (int32_t)p;
        at[3][N++] = at[1][p];
    }
    return (llama_rows){ .B = b->B, .source = gm_from_owned(c, GM_I32, at[0], 1, GM_DIMS(R)),
                         .spread = gm_from_owned(c, GM_I32, at[1], 1, GM_DIMS(n)),
                         .last = gm_from_owned(c, GM_I32, at[2], 1, GM_DIMS(N)),
                         .last_rows = gm_from_owned(c, GM_I32, at[3], 1, GM_DIMS(N)) };
}

/* The number of position p among the wanted ones. */
static int64_t among_wanted(const gm_batch *b, int64_t p)
{
    int64_t n = 0;
    for (int64_t i = 0; b->wanted && i < p; i++) n += b->wanted[i] != 0;
    return b->wanted ? n : p;
}

gm_tensor gm_seg_rows(gm_ctx *c, const glamm *m, const gm_batch *b, int64_t from, int64_t to)
{
    int64_t extra = gm_image_token_count(m) - 1, T = b->L + extra, n = 0;
    int32_t *rows = malloc((size_t)((to - from) * b->L + 1) * sizeof *rows);
    for (int64_t i = from; rows && i < to; i++)
        for (int64_t k = 1; k < b->L; k++)
            if (b->ids[i * b->L + k] == m->seg)
                rows[n++] = (int32_t)among_wanted(b, i * T + extra + k - 1);
    return gm_from_owned(c, GM_I32, rows, 1, GM_DIMS(n));
}

gm_tensor gm_box_images(gm_ctx *c, const gm_batch *b)
{
    int64_t n = b->boxes_of[b->images];
    int32_t *image = malloc((size_t)(n + 1) * sizeof *image);
    for (int64_t i = 0; image && i < b->images; i++)
        for (int64_t k = b->boxes_of[i]; k < b->boxes_of[i + 1]; k++) image[k] = (int32_t)i;
    return gm_from_owned(c, GM_I32, image, 1, GM_DIMS(n));
}
