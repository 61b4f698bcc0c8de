/* SAM ViT, the grounding image encoder.  Source: segment-anything modeling/image_encoder.py,
 * ImageEncoderViT, Block, Attention, window_partition (in groundingLMM:
 * model/SAM/modeling/image_encoder.py). */
#include <stdio.h>
#include <stdlib.h>

#include "bind.h"
#include "model.h"
#include "tape.h"

#define SAM "model.grounding_encoder.image_encoder."
#define NORM_EPS 1e-6f

/* A block's window side, from the length of its relative position table: 2 S - 1 rows; 0 when it
 * covers the grid. */
static int64_t window_side(gm_weights *w, int64_t l, int64_t G)
{
    int64_t rows = gm_weight_size(w, 2, 0, SAM "blocks.%lld.attn.rel_pos_h", (long long)l);
    int64_t S = rows > 0 ? (rows + 1) / 2 : G;
    return S == G ? 0 : S;
}

static void bind_block(sam_block *y, gm_weights *w, int64_t l, int64_t G, int64_t C, int64_t F,
                       int64_t HD)
{
    y->S = window_side(w, l, G);
    int64_t rows = 2 * (y->S ? y->S : G) - 1;
    const gm_part part[] = {
        { &y->qkv_w, &y->qkv_b, "attn.qkv", 3 * C, C },
        { &y->proj_w, &y->proj_b, "attn.proj", C, C },
        { &y->lin1_w, &y->lin1_b, "mlp.lin1", F, C },
        { &y->lin2_w, &y->lin2_b, "mlp.lin2", C, F },
        { &y->ln1_w, &y->ln1_b, "norm1", C, 0 },
        { &y->ln2_w, &y->ln2_b, "norm2", C, 0 },
    };
    gm_bind_parts(w, part, GM_COUNT(part), SAM "blocks.%lld.", (long long)l);
    y->rel_h =
        gm_weight_f32(w, 2, GM_DIMS(rows, HD), SAM "blocks.%lld.attn.rel_pos_h", (long long)l);
    y->rel_w =
        gm_weight_f32(w, 2, GM_DIMS(rows, HD), SAM "blocks.%lld.attn.rel_pos_w", (long long)l);
}

/* Blocks the file should have: sizes.json says, or the width of SAM's three published encoders
 * does; so a file that lost its last blocks is noticed. */
static int64_t depth(const gm_weights *w, const gm_config *g, int64_t C)
{
    static const int64_t published[][2] = { { 768, 12 }, { 1024, 24 }, { 1280, 32 } };
    int64_t want = g->sam.depth, have = gm_weights_count(w, SAM "blocks.%d.norm1.weight");
    for (size_t i = 0; i < GM_COUNT(published) && !want; i++)
        if (published[i][0] == C) want = published[i][1];
    return have < want ? want : have;
}

int gm_sam_encoder_bind(sam_encoder *m, gm_weights *w, const gm_config *g, gm_error *e)
{
    gm_tensor patch = gm_weights_look(w, SAM "patch_embed.proj.weight"),
              pos = gm_weights_look(w, SAM "pos_embed");
    gm_tensor lin1 = gm_weights_look(w, SAM "blocks.0.mlp.lin1.weight");
    gm_tensor rel = gm_weights_look(w, SAM "blocks.0.attn.rel_pos_h"),
              neck = gm_weights_look(w, SAM "neck.0.weight");
    *m = (sam_encoder){ .L = depth(w, g, patch.nd == 4 ? patch.dim[0] : 0) };
    if (patch.nd != 4 || pos.nd != 4 || lin1.nd != 2 || rel.nd != 2 || neck.nd != 4 ||
        rel.dim[1] < 1 || patch.dim[2] < 1 || pos.dim[1] < 1 ||
        patch.dim[0] % rel.dim[1])
        return gm_fail(
            e,
            "SAM image encoder: wanted patch_embed.proj, pos_embed, blocks.0 and neck under %s; "
            "not all are there, or their sizes do not fit together",
            SAM);
    int64_t C = patch.dim[0], HD = rel.dim[1], out = neck.dim[0];
    m->P = patch.dim[2], m->G = pos.dim[1], m->NH = C / HD;
    m->block = calloc((size_t)m->L + 1, sizeof *m->block);
    if (!m->block) return gm_fail(e, "out of memory for the SAM image encoder");
    m->patch_w = gm_weight(w, 4, GM_DIMS(C, 3, m->P, m->P), SAM "patch_embed.proj.weight");
    m->patch_b = gm_weight_f32(w, 1, GM_DIMS(C), SAM "patch_embed.proj.bias");
    m->pos_embed = gm_weight_f32(w, 4, GM_DIMS(1, m->G, m->G, C), SAM "pos_embed");
    for (int64_t l = 0; l < m->L; l++) bind_block(&m->block[l], w, l, m->G, C, lin1.dim[0], HD);
    m->neck0_w = gm_weight(w, 4, GM_DIMS(out, C, 1, 1), SAM "neck.0.weight");
    m->neck2_w = gm_weight(w, 4, GM_DIMS(out, out, 3, 3), SAM "neck.2.weight");
    const gm_part part[] = {
        { &m->neck1_w, &m->neck1_b, "neck.1", out, 0 },
        { &m->neck3_w, &m->neck3_b, "neck.3", out, 0 },
    };
    gm_bind_parts(w, part, GM_COUNT(part), SAM);
    return 0;
}

void gm_sam_encoder_free(sam_encoder *m)
{
    free(m->block);
    m->block = NULL;
}

/* x (B, H, W, C) -> (B, H, W, C), all H W tokens attending to each other.  Attention.forward */
static gm_tensor attention(gm_ctx *c, const sam_block *w, gm_tensor x, int64_t NH)
{
    int64_t B = x.dim[0], H = x.dim[1], W = x.dim[2], C = x.dim[3];
    gm_tensor qkv = gm_linear(c, gm_reshape(c, x, 3, GM_DIMS(B, H * W, C)), w->qkv_w, w->qkv_b);
    gm_tensor q = gm_slice(c, qkv, 2, 0, C), k = gm_slice(c, qkv, 2, C, C),
              v = gm_slice(c, qkv, 2, 2 * C, C);
    gm_tensor y = gm_attention(c, q, k, v,
                               (gm_attn_options){ .NH = NH, .rel_h = w->rel_h, .rel_w = w->rel_w });
    return gm_reshape(c, gm_linear(c, y, w->proj_w, w->proj_b), 4, GM_DIMS(B, H, W, C));
}

typedef struct { const sam_encoder *m; int64_t l; } block_args;

/* x (B, G, G, C) -> (B, G, G, C).  Block.forward: the map is padded to whole windows after norm1,
 * and the padding takes part as keys. */
static gm_tensor block(gm_ctx *c, gm_tensor x, const void *args)
{
    const block_args *a = args;
    const sam_block *w = &a->m->block[a->l];
    gm_mark mark = gm_scope(c);
    gm_tensor h = gm_layernorm(c, x, w->ln1_w, w->ln1_b, NORM_EPS);
    if (w->S) h = gm_window(c, h, w->S);
    h = attention(c, w, h, a->m->NH);
    if (w->S) h = gm_unwindow(c, h, x.dim[1], x.dim[2]);
    x = gm_scope_end(c, mark, gm_add(c, x, h));
    h = gm_layernorm(c, x, w->ln2_w, w->ln2_b, NORM_EPS);
    h = gm_gelu(c, gm_linear(c, h, w->lin1_w, w->lin1_b));                  /* (B, G, G, F) */
    return gm_scope_end(c, mark, gm_add(c, x, gm_linear(c, h, w->lin2_w, w->lin2_b)));
}

gm_tensor gm_sam_encode(gm_ctx *c, const sam_encoder *m, gm_tensor image)
{
    gm_mark mark = gm_scope(c);
    int64_t B = image.dim[0], C = m->patch_w.dim[0], G = m->G;
    gm_tensor x = gm_conv2d(c, image, m->patch_w, m->patch_b, m->P, 0);     /* (B, C, G, G) */
    x = gm_transpose(c, gm_reshape(c, x, 3, GM_DIMS(B, C, -1)));
    x = gm_reshape(c, x, 4, GM_DIMS(B, G, G, C));
    gm_tap(c, x, SAM "patch_embed");
    x = gm_add(c, x, gm_reshape(c, m->pos_embed, 3, GM_DIMS(G, G, C)));
    for (int64_t l = 0; l < m->L; l++) {
        x = gm_block_run(c, block, x, &(block_args){ m, l }, sizeof(block_args));
        gm_tap(c, x, SAM "blocks.%lld", (long long)l);
        x = gm_scope_end(c, mark, x);
        gm_progress(c, l + 1, m->L);
    }
    x = gm_transpose(c, gm_reshape(c, x, 3, GM_DIMS(B, G * G, C)));
    x = gm_reshape(c, x, 4, GM_DIMS(B, C, G, G));
    x = gm_conv2d(c, x, m->neck0_w, GM_NONE, 1, 0);
    x = gm_layernorm2d(c, x, m->neck1_w, m->neck1_b, NORM_EPS);
    x = gm_conv2d(c, x, m->neck2_w, GM_NONE, 1, 1);
    x = gm_layernorm2d(c, x, m->neck3_w, m->neck3_b, NORM_EPS);
    gm_tap(c, x, SAM "neck");
    return gm_scope_end(c, mark, x);
}
