/* See names.h. */
#include "names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* '*': any text. */
static const char *const unused[] = {
    "*.rotary_emb.inv_freq", /* recomputed from positions (QUIRKS A4) */
    "*.embeddings.position_ids", /* 0, 1, 2, ... */
    GM_TOWER "vision_model.post_layernorm.*", /* behind every state that is read */
    /* the rest of a whole CLIPModel */
    "text_model.*", "text_projection.weight", "visual_projection.weight", "logit_scale",
    GM_GROUNDING "pixel_mean", GM_GROUNDING "pixel_std",
    GM_GROUNDING "prompt_encoder.point_embeddings.*", /* SAM's clicks, boxes and mask prompts */
    GM_GROUNDING "prompt_encoder.not_a_point_embed.weight",
    GM_GROUNDING "prompt_encoder.mask_downscaling.*",
    GM_GROUNDING "mask_decoder.output_hypernetworks_mlps.1.*", /* only mask 0 is asked for */
    GM_GROUNDING "mask_decoder.output_hypernetworks_mlps.2.*",
    GM_GROUNDING "mask_decoder.output_hypernetworks_mlps.3.*",
};

/* Without recursion: names come from files and may be megabytes long. */
bool gm_name_matches(const char *name, const char *pattern)
{
    const char *star = NULL, *from = NULL;      /* the last star, and what it may swallow next */
    while (*name) {
        if (*pattern == '*') {
            star = pattern++;
            from = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star + 1;
            name = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*') pattern++;
    return !*pattern;
}

bool gm_name_unused(const char *name)
{
    for (size_t i = 0; i < sizeof unused / sizeof *unused; i++) {
        if (gm_name_matches(name, unused[i])) return true;
    }
    return false;
}

static bool starts(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

/* In memory and in a GGUF; %lld is the layer. */
static const struct { const char *memory, *gguf; } LLAMA[] = {
    { "model.embed_tokens.weight", "token_embd.weight" },
    { "model.norm.weight", "output_norm.weight" },
    { "lm_head.weight", "output.weight" },
    { "model.layers.%lld.input_layernorm.weight", "blk.%lld.attn_norm.weight" },
    { "model.layers.%lld.self_attn.q_proj.weight", "blk.%lld.attn_q.weight" },
    { "model.layers.%lld.self_attn.k_proj.weight", "blk.%lld.attn_k.weight" },
    { "model.layers.%lld.self_attn.v_proj.weight", "blk.%lld.attn_v.weight" },
    { "model.layers.%lld.self_attn.o_proj.weight", "blk.%lld.attn_output.weight" },
    { "model.layers.%lld.post_attention_layernorm.weight", "blk.%lld.ffn_norm.weight" },
    { "model.layers.%lld.mlp.gate_proj.weight", "blk.%lld.ffn_gate.weight" },
    { "model.layers.%lld.mlp.up_proj.weight", "blk.%lld.ffn_up.weight" },
    { "model.layers.%lld.mlp.down_proj.weight", "blk.%lld.ffn_down.weight" },
};
enum { LLAMA_NAMES = sizeof LLAMA / sizeof *LLAMA, LONGEST = 100 };

/* The number where pattern has %lld, -1 without one; -2 when name does not fit. */
static long long layer_of(const char *name, const char *pattern)
{
    const char *at = strstr(pattern, "%lld");
    char *end;
    if (!at) return strcmp(name, pattern) == 0 ? -1 : -2;
    size_t n = (size_t)(at - pattern);
    if (strncmp(name, pattern, n) != 0 || name[n] < '0' || name[n] > '9') return -2;
    long long layer = strtoll(name + n, &end, 10);
    return strcmp(end, at + 4) == 0 ? layer : -2;
}

/* The partner of name in the other column. */
static bool translate(char *out, size_t room, const char *name, bool to_gguf)
{
    for (int i = 0; i < LLAMA_NAMES; i++) {
        long long layer = layer_of(name, to_gguf ? LLAMA[i].memory : LLAMA[i].gguf);
        if (layer == -2) continue;
        const char *other = to_gguf ? LLAMA[i].gguf : LLAMA[i].memory, *at = strstr(other, "%lld");
        if (!at) snprintf(out, room, "%s", other);
        else snprintf(out, room, "%.*s%lld%s", (int)(at - other), other, layer, at + 4);
        return true;
    }
    return false;
}

bool gm_gguf_name(char *out, size_t room, const char *name)
{
    return translate(out, room, name, true);
}

char *gm_memory_name(gm_name_source source, const char *stored)
{
    static const char *const wrap[] = { "base_model.model.", "module." };   /* peft, DeepSpeed */
    for (int i = 0; i < 2; i++) {
        if (starts(stored, wrap[i])) stored += strlen(wrap[i]);
    }
    const char *prefix = "";
    char llama[LONGEST];
    if (source == GM_FROM_GGUF && translate(llama, sizeof llama, stored, false)) stored = llama;
    if (starts(stored, "vision_model.")) prefix = GM_TOWER;
    else if (source == GM_FROM_SAM && !starts(stored, GM_GROUNDING)) prefix = GM_GROUNDING;
    size_t n = strlen(prefix), m = strlen(stored);
    char *out = malloc(n + m + 1);
    if (!out) return NULL;
    memcpy(out, prefix, n);
    memcpy(out + n, stored, m + 1);
    char *base = strstr(out, ".base_layer."); /* peft's name for what it wraps */
    if (base) memmove(base, base + 11, strlen(base + 11) + 1);
    return out;
}

bool gm_name_is_lora(const char *name)
{
    return strstr(name, ".lora_A.") || strstr(name, ".lora_B.");
}

int gm_lora_target(char *target, size_t room, const char *name)
{
    static const char part[] = ".lora_A.";
    const char *at = strstr(name, part);
    const char *rest = at ? at + strlen(part) : NULL, *dot = rest ? strchr(rest, '.') : NULL;
    if (!at || (strcmp(rest, "weight") != 0 && !(dot && strcmp(dot, ".weight") == 0))) return 0;
    size_t n = (size_t)(at - name);
    if (n + sizeof ".weight" > room) return 0;
    memcpy(target, name, n);
    memcpy(target + n, ".weight", sizeof ".weight");
    return 1;
}
