/* Sizes and constants of one model, from its config files (docs/MODEL.md, 12). */
#ifndef GM_CONFIG_H
#define GM_CONFIG_H
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    bool text_only;                     /* a language model alone: only llm counts */
    struct {
        int64_t vocab, hidden, inter, layers, heads, kv_heads, max_positions;
        float eps;
        float theta;                    /* base of the rotary angles */
        bool interleaved;               /* q and k have rotary pairs side by side (GGUF) */
        bool tied;                      /* the head is the table of embeddings */
    } llm;
    struct {
        int64_t image, patch, hidden, inter, layers, heads;
        float eps;
        int64_t shortest, crop; /* preprocessor: shortest side after the resize, crop side */
        float mean[3], std[3];          /* per RGB channel, on values in 0..1 */
    } clip;
    struct {
        int64_t scale, groups, levels;  /* RoI constant 224, GroupNorm groups 64, 4 levels */
    } region;
    struct {
        int64_t decoder_heads;          /* 8 */
        int64_t depth; /* image encoder blocks; 0: as many as the file has */
    } sam;
    int64_t select_layer;               /* mm_vision_select_layer, -2 */
    bool bf16; /* torch_dtype bfloat16: the release's rounding points apply */
} gm_config;

#endif
