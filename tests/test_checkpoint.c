/* Checkpoints: every form of golden/mini gives the same tensors, LoRA against PyTorch's merged
 * weights, configs, and the messages for folders that are not right. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/config.h"
#include "../io/file.h"
#include "../io/names.h"
#include "../io/os.h"
#include "../ref/kernels/typed.h"

#define MINI "golden/mini/"

static gm_checkpoint *open_good(const char *path, const gm_model_options *o)
{
    gm_error e = { "" };
    gm_checkpoint *k = gm_checkpoint_open(path, o, &e);
    ck_assert_msg(k != NULL, "%s", e.text);
    return k;
}

static const float *value(gm_checkpoint *k, const char *name, gm_tensor like)
{
    gm_tensor x = gm_weight_f32(gm_checkpoint_weights(k), like.nd, like.dim, "%s", name);
    ck_assert_msg(x.data != NULL, "%s: %s is missing or mis-shaped", gm_checkpoint_path(k), name);
    return x.data;
}

/* In the bf16 files this buffer alone is not exact: the weights are bf16 values, it is not. */
#define GAUSSIAN "pe_layer.positional_encoding_gaussian_matrix"

static void same_weights(gm_checkpoint *got, gm_checkpoint *want, bool rounded)
{
    static gm_stored list[1000];
    int64_t n = gm_checkpoint_tensors(want, list, 1000), compared = 0;
    ck_assert(n > 400 && n < 1000);
    for (int64_t i = 0; i < n; i++) {
        const char *name = list[i].name;
        gm_tensor x = list[i].tensor;
        if (strstr(name, "inv_freq") || strstr(name, "position_ids")) continue;
        const float *a = value(got, name, x), *b = value(want, name, x);
        for (int64_t j = 0; j < gm_numel(x); j++) {
            float w = b[j];
            if (rounded && strstr(name, GAUSSIAN)) {
                uint16_t h = gm_to_bf16(w);
                gm_to_float(&w, &h, GM_BF16, 1);
            }
            ck_assert_msg(memcmp(&a[j], &w, 4) == 0, "%s [%lld]: %g, wanted %g", name, (long long)j,
                          a[j], w);
        }
        compared++;
    }
    ck_assert_int_eq(compared, 443);
}

START_TEST(every_form_has_the_same_weights)
{
    static const struct {
        const char *path, *clip, *sam;
        bool rounded;
        int owned;
    } form[] = {
        { "forms/released", NULL, NULL, false, 0 },
        { "forms/legacy", NULL, NULL, true, 1 },
        { "forms/prefixed", NULL, NULL, true, 0 },
        { "forms/safetensors-tower-inside", NULL, NULL, true, 0 },
        { "forms/safetensors-tower-inside", MINI "forms/clipmodel", MINI "model/sam.pth", false,
          0 },
        { "forms/legacy", MINI "forms/clipmodel", MINI "model/sam.pth", false, 1 },
        { "model", MINI "model/clip", MINI "model/sam.pth", false, 0 },
    };
    char path[100];
    snprintf(path, sizeof path, MINI "%s", form[_i].path);
    gm_model_options o = { .clip = form[_i].clip, .sam = form[_i].sam };
    gm_checkpoint *want = open_good(MINI "model", NULL), *got = open_good(path, &o);
    ck_assert_int_eq(gm_checkpoint_owned(got) > 0, form[_i].owned);
    const gm_config *a = gm_checkpoint_config(got), *b = gm_checkpoint_config(want);
    ck_assert_mem_eq(&a->llm, &b->llm, sizeof a->llm);
    ck_assert_mem_eq(&a->clip, &b->clip, sizeof a->clip);
    ck_assert_mem_eq(&a->region, &b->region, sizeof a->region);
    same_weights(got, want, form[_i].rounded);
    gm_checkpoint_free(got);
    gm_checkpoint_free(want);
}
END_TEST

/* Every tensor of every form is demanded or known to be unused, and none is missing. */
START_TEST(every_form_fits_the_model)
{
    static const char *const path[] = { "model", "forms/released", "forms/legacy", "forms/prefixed",
                                        "forms/safetensors-tower-inside" };
    for (size_t i = 0; i < sizeof path / sizeof *path; i++) {
        char folder[100];
        gm_error e = { "" };
        snprintf(folder, sizeof folder, MINI "%s", path[i]);
        gm_model_options o = { .clip = _i ? MINI "forms/clipmodel" : NULL };
        gm_model *m = gm_model_open(folder, &o, &e);
        ck_assert_msg(m != NULL, "%s", e.text);
        gm_model_free(m);
    }
}
END_TEST

START_TEST(names_are_known)
{
    static const struct { const char *name; bool unused; } list[] = {
        { "model.layers.31.self_attn.rotary_emb.inv_freq", true },
        { GM_TOWER "vision_model.embeddings.position_ids", true },
        { GM_TOWER "vision_model.post_layernorm.bias", true },
        { GM_TOWER "vision_model.pre_layrnorm.bias", false },
        { "text_model.final_layer_norm.weight", true },
        { "logit_scale", true },
        { "logit_scales", false },
        { GM_GROUNDING "prompt_encoder.point_embeddings.3.weight", true },
        { GM_GROUNDING "prompt_encoder.no_mask_embed.weight", false },
        { GM_GROUNDING "mask_decoder.output_hypernetworks_mlps.3.layers.2.bias", true },
        { GM_GROUNDING "mask_decoder.output_hypernetworks_mlps.0.layers.2.bias", false },
        { GM_GROUNDING "pixel_mean", true },
        { "lm_head.weight", false },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        ck_assert_msg(gm_name_unused(list[i].name) == list[i].unused, "%s", list[i].name);
    size_t length = 20000000; /* deeper than any stack, were it matched by recursion */
    char *longest = calloc(length + 1, 1);
    ck_assert_ptr_nonnull(longest);
    memset(longest, 'a', length);
    memcpy(longest, "text_model.", 11);
    ck_assert(gm_name_unused(longest));
    free(longest);
    static const struct { gm_name_source source; const char *stored, *want; } rename[] = {
        { GM_FROM_MODEL, "base_model.model.model.norm.weight", "model.norm.weight" },
        { GM_FROM_MODEL, "module.lm_head.weight", "lm_head.weight" },
        { GM_FROM_MODEL, "a.q_proj.base_layer.weight", "a.q_proj.weight" },
        { GM_FROM_MODEL, "model.norm.weight", "model.norm.weight" },
        { GM_FROM_CLIP, "vision_model.x", GM_TOWER "vision_model.x" },
        { GM_FROM_SAM, "mask_decoder.x", GM_GROUNDING "mask_decoder.x" },
        { GM_FROM_SAM, GM_GROUNDING "x", GM_GROUNDING "x" },
    };
    for (size_t i = 0; i < sizeof rename / sizeof *rename; i++) {
        char *got = gm_memory_name(rename[i].source, rename[i].stored);
        ck_assert_str_eq(got, rename[i].want);
        free(got);
    }
}
END_TEST

/* golden/mini/lora: PyTorch's merged weights; with a bf16 base they are those rounded once, but
 * for sums that lie within float error of the middle between two bf16 values. */
START_TEST(lora_merges)
{
    static const char *const base[] = { "model", "forms/prefixed" };
    char path[100];
    gm_error e = { "" };
    snprintf(path, sizeof path, MINI "%s", base[_i]);
    gm_model_options o = { .lora = MINI "lora/adapter_end.bin" };
    gm_checkpoint *k = open_good(path, &o);
    gm_file *f = gm_file_open(MINI "lora/lora.safetensors", &e);
    ck_assert_msg(f != NULL, "%s", e.text);
    int compared = 0, unequal = 0;
    for (int64_t i = 0; i < gm_file_count(f); i++) {
        const char *name = gm_file_name(f, i);
        if (strncmp(name, "merged_", 7) != 0) continue;
        gm_tensor want = gm_file_tensor(f, i),
                  x = gm_weights_look(gm_checkpoint_weights(k), name + 7);
        ck_assert_int_eq(x.type, _i ? GM_BF16 : GM_F32);
        const float *w = want.data, *got = value(k, name + 7, want);
        for (int64_t j = 0; j < gm_numel(want); j++) {
            float limit = 1e-6f * fabsf(w[j]) + 1e-7f;
            if (_i) {
                uint16_t h = gm_to_bf16(w[j]);
                float r;
                gm_to_float(&r, &h, GM_BF16, 1);
                unequal += r != got[j];
                limit += fabsf(w[j]) / 256;
            }
            ck_assert_msg(fabsf(got[j] - w[j]) <= limit, "%s [%lld]: %g, wanted %g", name,
                          (long long)j, got[j], w[j]);
        }
        compared++;
    }
    ck_assert_int_eq(compared, 4);
    ck_assert_int_le(unequal, 4);
    ck_assert_uint_ge(gm_checkpoint_owned(k), 4 * 32 * 32 * (_i ? 2 : 4));
    gm_file_close(f);
    gm_checkpoint_free(k);
}
END_TEST

START_TEST(lora_of_peft_is_that_of_training)
{
    gm_model_options a = { .lora = MINI "lora/peft_start" },
                     b = { .lora = MINI "lora/adapter_start.bin" };
    gm_checkpoint *x = open_good(MINI "model", &a), *y = open_good(MINI "model", &b),
                  *plain = open_good(MINI "model", NULL);
    same_weights(x, y, false);
    const char *q = "model.layers.1.self_attn.q_proj.weight";
    gm_tensor t = gm_weights_look(gm_checkpoint_weights(x), q);
    ck_assert(memcmp(value(x, q, t), value(plain, q, t), 32 * 32 * 4) != 0);
    gm_checkpoint_free(x);
    gm_checkpoint_free(y);
    gm_checkpoint_free(plain);
}
END_TEST

/* ---- folders made here ---- */

#define DIR_NAME "build/tmp/checkpoint"
#define TOWER_CLASS "model.vision_tower.vision_tower.vision_model.embeddings.class_embedding"

static void write_text(const char *path, const char *text)
{
    gm_error e = { "" };
    gm_writer w;
    ck_assert_msg(gm_make_dir(DIR_NAME "/clip", &e) == 0 && gm_create(&w, path, &e) == 0, "%s",
                  e.text);
    fputs(text, w.file);
    ck_assert_msg(gm_commit(&w, &e) == 0, "%s", e.text);
}

static void write_tensors(const char *path, const char *const *name, int64_t n, int64_t rows,
                          int64_t cols)
{
    static float zeros[4096];
    gm_error e = { "" };
    gm_tensor x[16];
    for (int64_t i = 0; i < n; i++) x[i] = (gm_tensor){ zeros, { rows, cols }, 2, GM_F32 };
    ck_assert_msg(gm_safetensors_write(path, name, x, n, &e) == 0, "%s", e.text);
}

static void clear_folder(void)
{
    static const char *const file[] = { "config.json",           "sizes.json",
                                        "model.safetensors",     "model.safetensors.index.json",
                                        "a.safetensors",         "b.safetensors",
                                        "clip/config.json",      "adapter_config.json",
                                        "clip/model.safetensors" };
    for (size_t i = 0; i < sizeof file / sizeof *file; i++) {
        char path[200];
        snprintf(path, sizeof path, DIR_NAME "/%s", file[i]);
        remove(path);
    }
}

static void refused(const gm_model_options *o, const char *why)
{
    gm_error e = { "" };
    gm_checkpoint *k = gm_checkpoint_open(DIR_NAME, o, &e);
    ck_assert_msg(k == NULL, "was read, wanted: %s", why);
    ck_assert_msg(strstr(e.text, why) != NULL, "wanted '%s', found '%s'", why, e.text);
}

#define CONFIG "{\"hidden_size\":32,\"num_attention_heads\":4,\"mm_vision_tower\":\"openai/clip\"}"
#define CLIP_CONFIG "{\"vision_config\":{\"hidden_size\":64,\"num_attention_heads\":4," \
                    "\"image_size\":28,\"patch_size\":14}}"

/* A folder that opens: one weight in two shards, a tower of one tensor. */
static void good_folder(const char *const *name, int64_t n)
{
    static const char *const tower[] = { "vision_model.embeddings.class_embedding" };
    clear_folder();
    write_text(DIR_NAME "/config.json", CONFIG);
    write_text(DIR_NAME "/clip/config.json", CLIP_CONFIG);
    write_tensors(DIR_NAME "/clip/model.safetensors", tower, 1, 1, 4);
    write_tensors(DIR_NAME "/model.safetensors", name, n, 2, 3);
}

START_TEST(folders_that_are_not_right)
{
    static const char *const name[] = { "model.layers.0.q.weight" };
    gm_error e = { "" };
    ck_assert_ptr_null(gm_checkpoint_open("build/no-such-folder", NULL, &e));
    ck_assert_ptr_nonnull(strstr(e.text, "found nothing"));
    good_folder(name, 1);
    gm_checkpoint_free(open_good(DIR_NAME, NULL));

    remove(DIR_NAME "/model.safetensors");
    refused(NULL, "no weights: wanted model.safetensors");
    write_tensors(DIR_NAME "/a.safetensors", name, 1, 2, 3);
    write_text(DIR_NAME "/model.safetensors.index.json",
               "{\"weight_map\":{\"model.layers.0.q.weight\":\"b.safetensors\"}}");
    refused(NULL, "the shard b.safetensors is missing");
    write_text(DIR_NAME "/model.safetensors.index.json",
               "{\"weight_map\":{\"model.layers.0.q.weight\":\"a.safetensors\","
               "\"x\":\"a.safetensors\"}}");
    refused(NULL, "the tensor x is not in its shard a.safetensors");
    write_text(DIR_NAME "/model.safetensors.index.json",
               "{\"weight_map\":{\"x\":\"../a.safetensors\"}}");
    refused(NULL, "must be a file of the same folder");
    write_text(DIR_NAME "/model.safetensors.index.json", "{\"weight_map\":{}}");
    refused(NULL, "wanted a weight_map");
    static const char *const again[] = { "base_model.model.model.layers.0.q.weight" };
    write_tensors(DIR_NAME "/b.safetensors", again, 1, 2, 3);
    write_text(DIR_NAME "/model.safetensors.index.json",
               "{\"weight_map\":{\"model.layers.0.q.weight\":\"a.safetensors\","
               "\"base_model.model.model.layers.0.q.weight\":\"b.safetensors\"}}");
    refused(NULL, "b.safetensors: the tensor model.layers.0.q.weight is there twice");

    good_folder(name, 1);
    remove(DIR_NAME "/clip/config.json");
    refused(NULL, DIR_NAME "/openai/clip or " DIR_NAME "/clip");
    good_folder(name, 1);
    write_text(DIR_NAME "/config.json", "{\"hidden_size\":32,\"num_attention_heads\":5}");
    refused(NULL, "no CLIP tower");
    refused(&(gm_model_options){ .clip = DIR_NAME "/clip" }, "must divide, found 32 and 5");
    write_text(DIR_NAME "/config.json", "{\"hidden_size\":32,");
    refused(NULL, "config.json: not valid JSON");
}
END_TEST

START_TEST(adapters_that_are_not_right)
{
    static const char *const a[] = { "m.q.weight", "m.q.lora_A.default.weight" };
    static const char *const b[] = { "m.q.weight", "m.q.lora_B.default.weight" };
    static const char *const c[] = { "m.x.weight", "m.q.lora_A.weight", "m.q.lora_B.weight" };
    static const char *const d[] = { "m.q.weight", "m.q.lora_A.weight", "m.q.lora_B.weight" };
    good_folder(a, 2);
    refused(NULL, "its lora_B is missing");
    good_folder(b, 2);
    refused(NULL, "half a pair");
    good_folder(c, 3);
    refused(NULL, "no m.q.weight to merge it into");
    good_folder(d, 3);
    refused(NULL, "do not fit the weight (2, 3)");
    good_folder(d, 1);
    write_text(DIR_NAME "/adapter_config.json", "{\"use_rslora\":true}");
    refused(NULL, "use_rslora is not read");
    remove(DIR_NAME "/adapter_config.json");
    refused(&(gm_model_options){ .lora = DIR_NAME "/model.safetensors" },
            "no pair of lora_A and lora_B");
    refused(&(gm_model_options){ .lora = DIR_NAME }, "no adapter: wanted");
    refused(&(gm_model_options){ .sam = DIR_NAME "/none.pth" }, "none.pth: cannot open");
}
END_TEST

START_TEST(full_tensors_of_an_adapter_replace)
{
    static const char *const base[] = { "m.q.weight", "lm_head.weight", "model.norm.weight" };
    static const char *const export[] = { "base_model.model.lm_head.weight",
                                          "m.q.lora_A.default.weight", "m.q.lora_B.default.weight",
                                          "extra.weight" };
    good_folder(base, 3);
    write_tensors(DIR_NAME "/model.safetensors", base, 3, 2, 2);
    write_tensors(DIR_NAME "/a.safetensors", export, 4, 2, 2);
    gm_model_options o = { .lora = DIR_NAME "/a.safetensors" };
    gm_checkpoint *k = open_good(DIR_NAME, &o);
    gm_stored list[10];
    ck_assert_int_eq(gm_checkpoint_tensors(k, list, 10), 5);
    int seen = 0;
    for (int i = 0; i < 5; i++) {
        bool replaced = strstr(list[i].file, "a.safetensors") != NULL;
        ck_assert_int_eq(replaced, !strcmp(list[i].name, "lm_head.weight") ||
                                       !strcmp(list[i].name, "extra.weight"));
        seen += replaced;
    }
    ck_assert_int_eq(seen, 2);
    ck_assert_uint_eq(gm_checkpoint_owned(k), 2 * 2 * 4);
    gm_checkpoint_free(k);
}
END_TEST

static int lines;

static void count_line(void *user, const char *line)
{
    lines += strstr(line, user) != NULL;
}

START_TEST(one_message_for_all_tensors_that_do_not_fit)
{
    static const char *const name[] = { "q0", "q1", "q2", "q3", "q4", "q5",
                                        "model.layers.0.self_attn.rotary_emb.inv_freq",
                                        "model.grounding_encoder.pixel_mean" };
    good_folder(name, 8);
    gm_model_options o = { .log = count_line, .verbose = 1, .user = "not known: q" };
    gm_checkpoint *k = open_good(DIR_NAME, &o);
    gm_weights *w = gm_checkpoint_weights(k);
    gm_error e = { "" };
    ck_assert_int_eq(gm_weights_count(w, "q%d"), 6);
    gm_weight(w, 2, GM_DIMS(1, 4), TOWER_CLASS);
    for (int i = 0; i < 7; i++) ck_assert(!gm_weight(w, 1, GM_DIMS(3), "none.%d", i).data);
    lines = 0;
    ck_assert_int_eq(gm_weights_finish(w, &e), -1);
    ck_assert_ptr_nonnull(strstr(e.text,
                                 "7 missing: none.0, none.1, none.2, none.3, none.4, ...;"));
    ck_assert_ptr_nonnull(strstr(e.text, "6 not known: q0, q1, q2, q3, q4, ..."));
    ck_assert_ptr_null(strstr(e.text, "inv_freq"));
    ck_assert_int_eq(lines, 6);
    gm_checkpoint_free(k);

    k = open_good(DIR_NAME, NULL);
    w = gm_checkpoint_weights(k);
    e.text[0] = 0;
    gm_weight(w, 2, GM_DIMS(1, 4), TOWER_CLASS);
    for (int i = 0; i < 5; i++) ck_assert(gm_weight(w, 2, GM_DIMS(-1, 3), "q%d", i).data);
    ck_assert(!gm_weight_f32(w, 2, GM_DIMS(-1, 4), "q5").data);
    ck_assert_int_eq(gm_weights_finish(w, &e), -1);
    ck_assert_ptr_nonnull(strstr(e.text,
                                 "1 of other sizes or type: q5 wanted (?, 4), found (2, 3) f32"));
    ck_assert_ptr_null(strstr(e.text, "missing"));
    gm_checkpoint_free(k);

    k = open_good(DIR_NAME, NULL);
    w = gm_checkpoint_weights(k);
    e.text[0] = 0;
    gm_weight(w, 2, GM_DIMS(1, 4), TOWER_CLASS);
    for (int i = 0; i < 6; i++) gm_weight(w, 2, GM_DIMS(2, 3), "q%d", i);
    ck_assert_msg(gm_weights_finish(w, &e) == 0, "%s", e.text);
    gm_checkpoint_free(k);
}
END_TEST

/* Mini without the tensors under `lost`. */
static void mini_without(const char *lost)
{
    static const char *name[2000];
    static gm_tensor x[2000];
    static const char *const config[] = { "config.json", "sizes.json" };
    gm_error e = { "" };
    clear_folder();
    gm_file *f = gm_file_open(MINI "model/pytorch_model.bin", &e);
    ck_assert_msg(f != NULL, "%s", e.text);
    int64_t n = 0, all = gm_file_count(f);
    for (int64_t i = 0; i < all && n < 2000; i++) {
        name[n] = gm_file_name(f, i);
        x[n] = gm_file_tensor(f, i);
        n += strncmp(name[n], lost, strlen(lost)) != 0;
    }
    ck_assert_int_lt(n, all);
    ck_assert_msg(gm_safetensors_write(DIR_NAME "/model.safetensors", name, x, n, &e) == 0, "%s",
                  e.text);
    gm_file_close(f);
    for (int i = 0; i < 2; i++) {
        char from[100], to[100];
        snprintf(from, sizeof from, MINI "model/%s", config[i]);
        snprintf(to, sizeof to, DIR_NAME "/%s", config[i]);
        char *text = gm_read_text(from, NULL, &e);
        ck_assert_msg(text != NULL, "%s", e.text);
        write_text(to, text);
        free(text);
    }
}

/* How many blocks there are is counted in the file; one lost at the end is missed all the same. */
START_TEST(lost_last_blocks_are_missed)
{
    static const char *const lost[] = { "model.grounding_encoder.image_encoder.blocks.2.",
                                        "model.region_encoder.mlvl_fuse.fuse_convs.4." };
    gm_model_options o = { .clip = MINI "model/clip" };
    for (int i = 0; i < 2; i++) {
        gm_error e = { "" };
        mini_without(lost[i]);
        ck_assert_ptr_null(gm_model_open(DIR_NAME, &o, &e));
        ck_assert_msg(strstr(e.text, "missing") && strstr(e.text, lost[i]), "found: %s", e.text);
    }
}
END_TEST

/* ---- configs ---- */

static int read_config(gm_config *g, const char *text, gm_error *e)
{
    json_t *o = gm_json_object(text, strlen(text), "C", e);
    if (!o) return -1;
    gm_config_defaults(g);
    int bad = gm_config_sizes(g, o, "C", e) || gm_config_model(g, o, "C", e) ||
              gm_config_clip(g, o, "C", e) || gm_config_preprocessor(g, o, "C", e) ||
              gm_config_check(g, "C", e);
    json_decref(o);
    return bad ? -1 : 0;
}

START_TEST(configs_take_the_defaults_of_transformers)
{
    gm_config g;
    gm_error e = { "" };
    static const char text[] =
        "{\"vision_config\":{\"hidden_size\":1024,\"num_attention_heads\":16,\"patch_size\":14,"
        "\"image_size\":336},\"size\":336,\"crop_size\":{\"height\":336,\"width\":336},"
        "\"torch_dtype\":\"bfloat16\",\"num_key_value_heads\":8,\"rms_norm_eps\":1e-05,"
        "\"rope_scaling\":null}";
    ck_assert_msg(read_config(&g, text, &e) == 0, "%s", e.text);
    ck_assert(g.llm.vocab == 32000 && g.llm.hidden == 4096 && g.llm.inter == 11008 &&
              g.llm.layers == 32 && g.llm.heads == 32 && g.llm.kv_heads == 8 &&
              g.llm.max_positions == 2048 && g.llm.eps == 1e-5f);
    ck_assert(g.clip.image == 336 && g.clip.inter == 3072 && g.clip.layers == 12 &&
              g.clip.eps == 1e-5f && g.clip.shortest == 336 && g.clip.crop == 336 &&
              g.clip.std[2] == 0.27577711f);
    ck_assert(g.region.scale == 224 && g.region.groups == 64 && g.region.levels == 4 &&
              g.sam.decoder_heads == 8);
    ck_assert(g.select_layer == -2 && g.bf16);
}
END_TEST

START_TEST(configs_that_are_refused)
{
    static const char *const list[][2] = {
        { "{\"hidden_size\":\"32\"}", "hidden_size: wanted a whole number" },
        { "{\"hidden_size\":0}", "hidden_size: wanted 1 to" },
        { "{\"num_hidden_layers\":9223372036854775807}", "num_hidden_layers: wanted 1 to" },
        { "{\"hidden_size\":32,\"hidden_size\":33}", "duplicate" },
        { "{\"hidden_act\":\"gelu\"}", "hidden_act: wanted silu, found gelu" },
        { "{\"vision_config\":{\"hidden_act\":\"gelu\"}}", "hidden_act: wanted quick_gelu" },
        { "{\"rope_scaling\":{\"type\":\"linear\"}}", "rope_scaling" },
        { "{\"num_key_value_heads\":5}", "num_key_value_heads must divide" },
        { "{\"crop_size\":{\"height\":2,\"width\":3}}", "wanted one side" },
        { "{\"crop_size\":223}", "do not fit CLIP's image side 224" },
        { "{\"size\":100}", "do not fit CLIP's image side 224" },
        { "{\"image_std\":[1,0,1]}", "image_std: wanted numbers above 0" },
        { "{\"image_mean\":[1,1]}", "image_mean: wanted three numbers" },
        { "{\"rms_norm_eps\":0}", "epsilon" },
        { "{\"mm_vision_select_layer\":3}", "mm_vision_select_layer: wanted" },
        { "{\"do_center_crop\":false}", "do_center_crop" },
        { "[]", "wanted a JSON object" },
        { "", "not valid JSON" },
    };
    gm_config g;
    gm_error e = { "" };
    ck_assert_int_eq(read_config(&g, list[_i][0], &e), -1);
    ck_assert_msg(strstr(e.text, list[_i][1]) != NULL, "wanted '%s', found '%s'", list[_i][1],
                  e.text);
}
END_TEST

Suite *test_checkpoint(void)
{
    Suite *s = suite_create("checkpoint");
    TCase *t = tcase_create("checkpoint");
    tcase_add_loop_test(t, every_form_has_the_same_weights, 0, 7);
    tcase_add_loop_test(t, every_form_fits_the_model, 0, 2);
    tcase_add_test(t, names_are_known);
    tcase_add_loop_test(t, lora_merges, 0, 2);
    tcase_add_test(t, lora_of_peft_is_that_of_training);
    tcase_add_test(t, folders_that_are_not_right);
    tcase_add_test(t, adapters_that_are_not_right);
    tcase_add_test(t, full_tensors_of_an_adapter_replace);
    tcase_add_test(t, one_message_for_all_tensors_that_do_not_fit);
    tcase_add_test(t, lost_last_blocks_are_missed);
    tcase_add_test(t, configs_take_the_defaults_of_transformers);
    tcase_add_loop_test(t, configs_that_are_refused, 0, 18);
    suite_add_tcase(s, t);
    return s;
}
