/* See names.h. */
#include "names.h"

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

char *gm_memory_name(gm_name_source source, const char *stored)
{
    static const char *const wrap[] = { "base_model.model.", "module." };   /* peft, DeepSpeed */
    for (int i = 0; i < 2; i++) {
        if (starts(stored, wrap[i])) stored += strlen(wrap[i]);
    }
    const char *prefix = "";
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
