/* GLaMM: image + boxes + text -> tokens -> hidden states -> masks.
 * Source: groundingLMM model/GLaMM.py and model/llava/llava_with_region_arch.py; paper, section 3.
 */
#include "bind.h"
#include "model.h"

/* Two linear layers with an activation between, as PyTorch numbers them in a Sequential: 0, (1), 2.
 */
static void bind_two(gm_two_linears *y, gm_weights *w, int64_t in, int64_t out, const char *prefix)
{
    int64_t mid = gm_weight_size(w, 2, 0, "%s0.weight", prefix);
    const gm_part part[] = {
        { &y->w0, &y->b0, "0", mid, in },
        { &y->w2, &y->b2, "2", out, mid },
    };
    gm_bind_parts(w, part, GM_COUNT(part), "%s", prefix);
}

int gm_glamm_bind(glamm *m, gm_weights *w, const gm_config *g, gm_error *e)
{
    m->config = *g;
    if (g->text_only) return gm_llama_bind(&m->llama, w, g, e);
    int bad = gm_clip_bind(&m->clip, w, g, e);
    bind_two(&m->projector, w, g->clip.hidden, g->llm.hidden, "model.mm_projector.");
    bad |= gm_region_bind(&m->region, w, g, e);
    bad |= gm_llama_bind(&m->llama, w, g, e);
    bad |= gm_sam_encoder_bind(&m->sam, w, g, e);
    bad |= gm_mask_decoder_bind(&m->decoder, w, g, m->sam.G, e);
    bind_two(&m->text_fcs, w, g->llm.hidden, m->decoder.no_mask.dim[1], "model.text_hidden_fcs.0.");
    return bad;
}

void gm_glamm_free(glamm *m)
{
    gm_clip_free(&m->clip);
    gm_llama_free(&m->llama);
    gm_sam_encoder_free(&m->sam);
}

int64_t gm_image_token_count(const glamm *m)
{
    if (m->config.text_only) return 1;
    int64_t side = m->config.clip.image / m->config.clip.patch;
    return side * side;
}

int64_t gm_sam_side(const glamm *m) { return m->sam.G * m->sam.P; }

/* What the language model sees of the image: CLIP, then the V-L projector (GELU, erf form). */
gm_tensor gm_image_tokens(gm_ctx *c, const glamm *m, gm_tensor clip_pixels, gm_tensor levels[4])
{
    const gm_two_linears *p = &m->projector;
    if (m->config.text_only) return GM_NONE;
    gm_tensor x = gm_clip(c, &m->clip, clip_pixels, levels); /* (images, T_img, C_clip) */
    x = gm_linear(c, gm_gelu(c, gm_linear(c, x, p->w0, p->b0)), p->w2, p->b2);
    gm_tap(c, x, "model.mm_projector");
    return x;
}

/* Text, image and regions in one sequence: every row picked from where it comes. */
gm_tensor gm_input_embeddings(gm_ctx *c, const glamm *m, const gm_batch *b, gm_tensor img,
                              gm_tensor regions)
{
    gm_mark mark = gm_scope(c);
    int64_t C = m->config.llm.hidden, T = gm_image_token_count(m);
    gm_tensor x = gm_gather(c, m->llama.embed, gm_sequence_ids(c, m, b));   /* (B L, C) */
    if (m->config.text_only)
        return gm_scope_end(c, mark, gm_reshape(c, x, 3, GM_DIMS(b->B, b->L, C)));
    x = gm_concat(c, x, gm_reshape(c, img, 2, GM_DIMS(-1, C)), 0);
    if (regions.data) x = gm_concat(c, x, regions, 0);
    x = gm_gather(c, x, gm_sequence_rows(c, m, b, regions.data ? regions.dim[0] : 0));
    return gm_scope_end(c, mark, gm_reshape(c, x, 3, GM_DIMS(b->B, b->L + T - 1, C)));
}

/* The L-P projection: what the mask decoder is prompted with.  ReLU, not the paper's GELU (Q6). */
gm_tensor gm_project_text(gm_ctx *c, const glamm *m, gm_tensor hidden)
{
    const gm_two_linears *p = &m->text_fcs;
    gm_tensor x = gm_relu(c, gm_linear(c, hidden, p->w0, p->b0));
    x = gm_linear(c, x, p->w2, p->b2);
    gm_tap(c, x, "model.text_hidden_fcs.0");
    return x;
}

/* Mask decoder, then back to the original image: up to the padded square, crop, resize.
 * Sam.postprocess_masks */
gm_tensor gm_masks(gm_ctx *c, const glamm *m, gm_tensor E, gm_tensor prompts,
                   const int64_t resized[2], const int64_t original[2], gm_tensor *iou)
{
    gm_mark mark = gm_scope(c);
    int64_t S = gm_sam_side(m);
    *iou = GM_NONE;
    if (!prompts.data || prompts.dim[0] == 0)
        return gm_new(c, GM_F32, 3, GM_DIMS(0, original[0], original[1]));
    gm_tensor x = gm_mask_decode(c, &m->decoder, E, prompts, iou);          /* (N, 4 G, 4 G) */
    x = gm_resize(c, x, S, S, false);
    x = gm_slice(c, gm_slice(c, x, 1, 0, resized[0]), 2, 0, resized[1]);
    x = gm_resize(c, x, original[0], original[1], false);
    gm_scope_keep(c, mark, (gm_tensor[]){ x, *iou }, 2);
    return x;
}

/* x (B, T, C) -> (B, T, C), or the wanted ones (N, C). */
static gm_tensor hidden_states(gm_ctx *c, const glamm *m, const gm_batch *b, gm_tensor x)
{
    gm_tensor keep = gm_sequence_keep(c, m, b);
    if (!b->wanted) return gm_llama(c, &m->llama, x, NULL, keep);
    llama_rows rows = gm_sequence_packing(c, m, b);
    x = gm_gather(c, gm_reshape(c, x, 2, GM_DIMS(-1, x.dim[2])), rows.source);
    return gm_llama_packed(c, &m->llama, x, rows, keep);
}

int gm_forward(gm_ctx *c, const glamm *m, const gm_batch *b, gm_output *out)
{
    gm_mark mark = gm_scope(c);
    gm_tensor levels[4], maps[4], regions = GM_NONE, iou;
    *out = (gm_output){ 0 };
    gm_taps_restart(c);
    if (m->config.text_only) gm_set_error(c, "wanted a model that sees images, found a text model");
    if (b->images > GM_MAX_IMAGES)
        gm_set_error(c, "a batch of %lld images: wanted at most %d", (long long)b->images,
                     GM_MAX_IMAGES);

    gm_tensor img = gm_image_tokens(c, m, b->clip_pixels, b->box.data ? levels : NULL);
    if (b->box.data) {
        gm_mark inner = gm_scope(c);
        gm_region_maps(c, &m->region, levels, maps);
        regions = gm_region(c, &m->region, maps, b->box, gm_box_images(c, b));
        gm_scope_end(c, inner, regions);
    }
    out->hidden = hidden_states(c, m, b, gm_input_embeddings(c, m, b, img, regions));
    out->logits = gm_linear(c, out->hidden, m->llama.head, GM_NONE);
    gm_tap(c, out->logits, "lm_head");

    if (gm_ok(c) && b->sam_pixels.data) {
        gm_tensor prompts = gm_project_text(c, m, out->hidden);
        prompts = gm_reshape(c, prompts, 2, GM_DIMS(-1, prompts.dim[prompts.nd - 1]));
        out->images = b->images;
        for (int64_t i = 0; i < b->images; i++) {
            gm_mark inner = gm_scope(c);
            gm_tensor seg =
                gm_gather(c, prompts, gm_seg_rows(c, m, b, b->offset[i], b->offset[i + 1]));
            gm_tensor E = gm_sam_encode(c, &m->sam, gm_slice(c, b->sam_pixels, 0, i, 1));
            out->mask[i] = gm_masks(c, m, E, seg, b->resized[i], b->original[i], &iou);
            gm_scope_end(c, inner, out->mask[i]);
        }
    }
    gm_tensor keep[2 + GM_MAX_IMAGES] = { out->hidden, out->logits };
    for (int64_t i = 0; i < out->images; i++) keep[2 + i] = out->mask[i];
    gm_scope_keep(c, mark, keep, 2 + GM_MAX_IMAGES);
    return gm_ok(c) ? 0 : -1;
}
