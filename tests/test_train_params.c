/* Which tensors train, their masters, LoRA in the forward pass. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../train/params.h"

#define MINI "golden/mini/model"
#define START "golden/mini/lora/adapter_start.bin"

static gm_model *open_mini(const char *lora)
{
    gm_error e = { "" };
    gm_model_options o = { .backend = "ref", .lora = lora, .exact_f32 = 1 };
    gm_model *m = gm_model_open(MINI, &o, &e);
    ck_assert_msg(m != NULL, "%s", e.text);
    return m;
}

static gm_train_policy policy(const char *freeze, int64_t rank)
{
    gm_train_policy o = { .freeze = freeze, .rank = rank, .alpha = 16, .seed = 3 };
    ck_assert_int_eq(gm_words_split(&o.targets, "q_proj v_proj"), 0);
    return o;
}

static void policy_free(gm_train_policy *o)
{
    gm_words_free(&o->targets);
    gm_words_free(&o->include);
    gm_words_free(&o->exclude);
    gm_words_free(&o->rates);
}

static void open_params(gm_params *ps, gm_model *m, const gm_train_policy *o)
{
    gm_error e = { "" };
    ck_assert_msg(gm_params_open(ps, m, o, &e) == 0, "%s", e.text);
}

static bool has(const gm_params *ps, const char *name)
{
    return gm_params_find(ps, name) != NULL;
}

START_TEST(policies_choose_as_the_release_does)
{
    const struct { const char *freeze; int64_t rank; bool projector, layers, clip; } want[] = {
        { "released", 8, false, false, false }, { "released", 0, true, true, false },
        { "paper", 8, true, false, false }, { "full", 0, true, true, true },
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        gm_model *m = open_mini(NULL);
        gm_params ps;
        gm_train_policy o = policy(want[i].freeze, want[i].rank);
        open_params(&ps, m, &o);
        ck_assert_int_eq(has(&ps, "model.mm_projector.0.weight"), want[i].projector);
        ck_assert_int_eq(has(&ps, "model.layers.1.mlp.up_proj.weight"), want[i].layers);
        ck_assert_int_eq(has(&ps, "model.vision_tower.vision_tower.vision_model.embeddings."
                                  "patch_embedding.weight"), want[i].clip);
        ck_assert(has(&ps, "lm_head.weight") && has(&ps, "model.embed_tokens.weight"));
        ck_assert(has(&ps, "model.region_encoder.roi_align.updims.bias"));
        ck_assert(has(&ps, "model.text_hidden_fcs.0.2.weight"));
        ck_assert(has(&ps, "model.grounding_encoder.mask_decoder.iou_token.weight"));
        ck_assert(!has(&ps, "model.grounding_encoder.prompt_encoder.pe_layer."
                            "positional_encoding_gaussian_matrix"));
        ck_assert_int_eq(has(&ps, "model.layers.0.self_attn.v_proj.lora_A.weight"),
                         want[i].rank > 0);
        ck_assert(!has(&ps, "model.layers.0.self_attn.k_proj.lora_A.weight"));
        gm_params_free(&ps);
        gm_model_free(m);
        policy_free(&o);
    }
}
END_TEST

START_TEST(patterns_add_and_take_away)
{
    gm_model *m = open_mini(NULL);
    gm_params ps;
    gm_error e = { "" };
    gm_train_policy o = policy("released", 0);
    gm_words_split(&o.include, "*.neck.*");
    gm_words_split(&o.exclude, "model.layers.* lm_head.weight");
    gm_words_add(&o.rates, "*.neck.* 0.25", 13);
    o.decay = 0.1;
    open_params(&ps, m, &o);
    ck_assert(!has(&ps, "lm_head.weight") && !has(&ps, "model.layers.0.mlp.up_proj.weight"));
    gm_param *p = gm_params_find(&ps, "model.grounding_encoder.image_encoder.neck.0.weight");
    ck_assert_ptr_nonnull(p);
    ck_assert_double_eq(p->rate, 0.25);
    ck_assert_double_eq(p->decay, 0.1);
    p = gm_params_find(&ps, "model.text_hidden_fcs.0.2.bias");
    ck_assert_double_eq(p->rate, 1);
    ck_assert_double_eq(p->decay, 0);
    gm_params_free(&ps);
    gm_words_split(&o.exclude, "model.lyers.*");
    ck_assert_int_ne(gm_params_open(&ps, m, &o, &e), 0);
    ck_assert_msg(strstr(e.text, "model.lyers.*") != NULL, "%s", e.text);
    gm_params_free(&ps);
    gm_model_free(m);
    policy_free(&o);
}
END_TEST

/* The model computes with the masters. */
START_TEST(masters_are_what_the_model_reads)
{
    gm_model *m = open_mini(NULL);
    gm_params ps;
    gm_train_policy o = policy("full", 0);
    open_params(&ps, m, &o);
    gm_param *p = gm_params_find(&ps, "model.norm.weight");
    ck_assert_ptr_eq(m->net.llama.norm.data, p->w.data);
    p = gm_params_find(&ps, "model.layers.1.self_attn.q_proj.weight");
    ck_assert_ptr_eq(m->net.llama.layer[1].q_w.data, p->w.data);
    ck_assert_int_eq(m->net.llama.layer[1].q_w.type, GM_F32);
    gm_params_free(&ps);
    gm_model_free(m);
    policy_free(&o);
}
END_TEST

enum { T = 5 };

/* LLaMA's states over made-up embeddings: malloc'ed (T, C). */
static float *states(gm_model *m)
{
    int64_t C = m->net.config.llm.hidden;
    gm_ctx *c = gm_ctx_new(&m->kernels, NULL);
    gm_tensor x = gm_new(c, GM_F32, 3, GM_DIMS(1, T, C));
    for (int64_t i = 0; i < T * C; i++) ((float *)x.data)[i] = sinf((float)i);
    x = gm_llama(c, &m->net.llama, x, NULL, GM_NONE);
    ck_assert_msg(gm_ok(c), "%s", gm_error_text(c));
    float *out = malloc((size_t)(T * C) * sizeof *out);
    gm_to_host(c, out, x);
    gm_ctx_free(c);
    return out;
}

static double difference(gm_model *a, gm_model *b)
{
    double most = 0;
    float *x = states(a), *y = states(b);
    for (int64_t i = 0; i < T * a->net.config.llm.hidden; i++)
        most = fmax(most, fabs((double)x[i] - y[i]));
    free(x);
    free(y);
    return most;
}

START_TEST(lora_starts_at_nothing_and_equals_the_merged_weights)
{
    gm_model *m = open_mini(NULL), *plain = open_mini(NULL), *merged = open_mini(START);
    gm_params ps;
    gm_error e = { "" };
    int64_t taken;
    gm_train_policy o = policy("none", 8);
    o.dropout = 0.5;
    open_params(&ps, m, &o);
    ck_assert_int_eq(ps.n, 8);
    const gm_param *a = gm_params_find(&ps, "model.layers.0.self_attn.q_proj.lora_A.weight");
    double low = 1, high = -1, bound = 1 / sqrt((double)m->net.config.llm.hidden);
    for (int64_t i = 0; i < gm_numel(a->w); i++) {
        low = fmin(low, ((float *)a->w.data)[i]);
        high = fmax(high, ((float *)a->w.data)[i]);
    }
    ck_assert_double_le(high, bound);
    ck_assert_double_ge(low, -bound);
    ck_assert_double_gt(high - low, 1.5 * bound);
    ck_assert_double_eq(difference(m, plain), 0);
    ck_assert_msg(gm_params_load(&ps, START, &taken, &e) == 0, "%s", e.text);
    ck_assert_int_eq(taken, 8);
    ck_assert_double_gt(difference(m, plain), 1e-3);
    ck_assert_double_lt(difference(m, merged), 1e-5);

    gm_params_dropout(&ps, 7);          /* the same masks for the same number, others for another */
    float *x = states(m), *y = states(m);
    size_t bytes = (size_t)(T * m->net.config.llm.hidden) * sizeof(float);
    ck_assert_int_eq(memcmp(x, y, bytes), 0);
    ck_assert_double_gt(difference(m, merged), 1e-4);
    gm_params_dropout(&ps, 8);
    free(y);
    y = states(m);
    ck_assert_int_ne(memcmp(x, y, bytes), 0);
    gm_params_dropout(&ps, -1);
    ck_assert_double_lt(difference(m, merged), 1e-5);
    free(x);
    free(y);
    gm_params_free(&ps);
    gm_model_free(m);
    gm_model_free(plain);
    gm_model_free(merged);
    policy_free(&o);
}
END_TEST

START_TEST(wrong_settings_are_named)
{
    gm_model *m = open_mini(NULL);
    gm_params ps;
    gm_error e = { "" };
    int64_t taken;
    gm_train_policy o = policy("none", 4);
    gm_words_split(&o.targets, "p_proj");
    ck_assert_int_ne(gm_params_open(&ps, m, &o, &e), 0);
    ck_assert_msg(strstr(e.text, "p_proj") && strstr(e.text, "q_proj"), "%s", e.text);
    gm_params_free(&ps);
    policy_free(&o);
    o = policy("none", 0);
    e.text[0] = 0;
    ck_assert_int_ne(gm_params_open(&ps, m, &o, &e), 0);
    ck_assert_msg(strstr(e.text, "nothing trains") != NULL, "%s", e.text);
    gm_params_free(&ps);
    policy_free(&o);
    o = policy("none", 4);              /* the stored pairs have rank 8 */
    open_params(&ps, m, &o);
    e.text[0] = 0;
    ck_assert_int_ne(gm_params_load(&ps, START, &taken, &e), 0);
    ck_assert_msg(strstr(e.text, "(4, 32)") && strstr(e.text, "(8, 32)"), "%s", e.text);
    gm_params_free(&ps);
    policy_free(&o);
    gm_model_free(m);
}
END_TEST

/* A step moves what a gradient reached, and nothing else. */
START_TEST(a_step_moves_what_was_reached)
{
    gm_model *m = open_mini(NULL);
    gm_params ps;
    gm_train_policy o = policy("none", 8);
    open_params(&ps, m, &o);
    const gm_adamw adam = { 0.9, 0.95, 1e-8 };
    float *dw = ps.p[1].dw.data, before = ((float *)ps.p[0].w.data)[0];
    dw[2] = 3;
    dw[5] = -4;
    ck_assert_double_eq(gm_params_norm(&ps, 0.5), 2.5);
    gm_params_step(&ps, &adam, 0.01, 1);
    ck_assert_float_eq_tol(((float *)ps.p[1].w.data)[2], -0.01f, 1e-6f);
    ck_assert_float_eq_tol(((float *)ps.p[1].w.data)[5], 0.01f, 1e-6f);
    ck_assert_int_eq(ps.p[1].steps, 1);
    ck_assert_int_eq(ps.p[0].steps, 0);
    ck_assert_float_eq(((float *)ps.p[0].w.data)[0], before);
    gm_params_clear(&ps);
    ck_assert_double_eq(gm_params_norm(&ps, 1), 0);
    gm_params_step(&ps, &adam, 0.01, 1);
    ck_assert_int_eq(ps.p[1].steps, 1);
    gm_params_free(&ps);
    gm_model_free(m);
    policy_free(&o);
}
END_TEST

Suite *test_train_params(void);
Suite *test_train_params(void)
{
    Suite *s = suite_create("train_params");
    TCase *t = tcase_create("params");
    tcase_add_test(t, policies_choose_as_the_release_does);
    tcase_add_test(t, patterns_add_and_take_away);
    tcase_add_test(t, masters_are_what_the_model_reads);
    tcase_add_test(t, lora_starts_at_nothing_and_equals_the_merged_weights);
    tcase_add_test(t, wrong_settings_are_named);
    tcase_add_test(t, a_step_moves_what_was_reached);
    suite_add_tcase(s, t);
    return s;
}
