/* See ops_cases.h. */
#include "ops_cases.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../ref/kernels/typed.h"
#include "../ref/tensor.h"
#include "hash.h"
#include "ops_run.h"

static int read_values(ops_cases *c, const char *path)
{
    FILE *f = fopen(path, "rb");
    long size = -1;
    if (f && !fseek(f, 0, SEEK_END)) size = ftell(f);
    if (size > 0 && size % 4 == 0 && !fseek(f, 0, SEEK_SET)) {
        c->values = malloc((size_t)size);
        c->nvalues = size / 4;
        if (c->values && fread(c->values, 4, (size_t)c->nvalues, f) != (size_t)c->nvalues)
            size = -1;
    }
    if (f) fclose(f);
    return c->values && size > 0 ? 0 : -1;
}

int ops_cases_open(ops_cases *c, const char *folder, char *error)
{
    char path[512];
    json_error_t e;
    *c = (ops_cases){ 0 };
    snprintf(path, sizeof path, "%s/cases.json", folder);
    c->list = json_load_file(path, 0, &e);
    if (!c->list || !json_array_size(c->list)) {
        snprintf(error, 200, "%.100s: %.90s", path, c->list ? "no cases" : e.text);
        return -1;
    }
    snprintf(path, sizeof path, "%s/values.bin", folder);
    if (!read_values(c, path)) return 0;
    snprintf(error, 200, "%.150s: not a readable list of floats", path);
    return -1;
}

void ops_cases_close(ops_cases *c)
{
    json_decref(c->list);
    free(c->values);
    *c = (ops_cases){ 0 };
}

static double number_of(json_t *v)
{
    const char *s = json_string_value(v);
    if (!s) return json_number_value(v);
    return !strcmp(s, "inf") ? INFINITY : !strcmp(s, "-inf") ? -INFINITY : NAN;
}

static void store(ops_input *in, int64_t i, double v)
{
    switch (in->type) {
    case GM_F32: ((float *)in->data)[i] = (float)v; break;
    case GM_BF16: ((uint16_t *)in->data)[i] = gm_to_bf16((float)v); break;
    case GM_F16: ((uint16_t *)in->data)[i] = gm_to_f16((float)v); break;
    case GM_I32: ((int32_t *)in->data)[i] = (int32_t)v; break;
    default: ((uint8_t *)in->data)[i] = (uint8_t)v;
    }
}

static void put_half(uint8_t *p, uint32_t bits)
{
    p[0] = (uint8_t)bits;
    p[1] = (uint8_t)(bits >> 8);
}

/* Scales and minima of 0 to 3 in a block of 256: weights that bfloat16 holds exactly, too. */
static void small_scales(uint8_t *block, gm_dtype type)
{
    int first = type == GM_Q6_K ? 192 : 4, last = type == GM_Q6_K ? 208 : 12;
    for (int i = first; i < last; i++) block[i] &= 3;
    for (int i = 12; type != GM_Q6_K && i < 16; i++) block[i] &= 0x33;
}

/* "blocks" and "whole" of hash.h. */
static void fill_blocks(ops_input *in, uint32_t seed, int whole)
{
    int64_t size = gm_block_bytes(in->type);
    uint8_t *p = in->data;
    for (int64_t i = 0; i < (int64_t)in->bytes; i++) p[i] = (uint8_t)hash32(seed, (uint32_t)i);
    int64_t first = in->type == GM_Q6_K ? 208 : 0,
            halves = in->type == GM_Q4_1 || in->type == GM_Q4_K || in->type == GM_Q5_K ? 2 : 1;
    for (int64_t i = first; i < (int64_t)in->bytes; i += size)
        for (int64_t at = i; at < i + 2 * halves; at += 2) {
            uint32_t h = hash32(seed, (uint32_t)at), ours = at == i ? 0x3c00 : 0xc700;
            put_half(p + at, whole ? ours : (0x2400 + h % 0x1800) | h >> 31 << 15);
        }
    for (int64_t i = 0; whole && in->type >= GM_Q4_K && i < (int64_t)in->bytes; i += size)
        small_scales(p + i, in->type);
}

/* The other formulas of hash.h; "forward" comes later. */
static void fill(ops_input *in, json_t *j)
{
    const char *kind = json_string_value(json_object_get(j, "fill"));
    json_t *scale_j = json_object_get(j, "scale"), *values = json_object_get(j, "values");
    uint32_t seed = (uint32_t)json_integer_value(json_object_get(j, "seed"));
    double scale = scale_j ? json_number_value(scale_j) : 1,
           add = json_number_value(json_object_get(j, "add"));
    int step = in->type == GM_F32 ? 23 : in->type == GM_BF16 ? 7 : 10;
    int64_t whole = fabs(scale) < 1e9 ? (int64_t)scale : 0;
    for (int64_t i = 0; i < in->n; i++) {
        uint32_t h = hash32(seed, (uint32_t)i),
                 bits = in->type == GM_F32 ? h : (uint32_t)(i * whole) & 0xffff;
        double v = NAN;
        if (!strcmp(kind, "uniform")) v = ((h >> (31 - step)) * ldexp(1, -step) - 1) * scale + add;
        else if (!strcmp(kind, "int")) v = (double)(h % (2 * whole + 1) - whole);
        else if (!strcmp(kind, "index") && whole > 0) v = (double)(h % whole);
        else if (!strcmp(kind, "iota") && whole > 0) v = (double)(i % whole);
        else if (!strcmp(kind, "flag")) v = h % 4 != 0;
        else if (!strcmp(kind, "list")) v = number_of(json_array_get(values, (size_t)i));
        if (strcmp(kind, "bits")) store(in, i, v);
        else if (in->type == GM_F32) memcpy((float *)in->data + i, &bits, 4);
        else ((uint16_t *)in->data)[i] = (uint16_t)bits;
    }
    size_t k;
    json_t *pair;
    json_array_foreach(json_object_get(j, "patch"), k, pair) {
        int64_t at = json_integer_value(json_array_get(pair, 0));
        if (at >= 0 && at < in->n) store(in, at, number_of(json_array_get(pair, 1)));
    }
}

static int make_input(ops_input *in, json_t *j)
{
    /* size: the bytes of an element, or of two bytes' alignment in a block */
    static const struct { const char *name; gm_dtype type; size_t size; } known[] = {
        { "f32", GM_F32, 4 }, { "bf16", GM_BF16, 2 }, { "f16", GM_F16, 2 }, { "i32", GM_I32, 4 },
        { "u8", GM_U8, 1 }, { "q8_0", GM_Q8_0, 2 }, { "q4_0", GM_Q4_0, 2 }, { "q4_1", GM_Q4_1, 2 },
        { "q4_K", GM_Q4_K, 2 }, { "q5_K", GM_Q5_K, 2 }, { "q6_K", GM_Q6_K, 2 },
    };
    const char *type = json_string_value(json_object_get(j, "type")),
               *kind = json_string_value(json_object_get(j, "fill"));
    size_t size = 0;
    in->name = json_string_value(json_object_get(j, "name"));
    in->n = json_integer_value(json_object_get(j, "n"));
    for (size_t t = 0; t < sizeof known / sizeof *known; t++)
        if (type && !strcmp(type, known[t].name)) {
            in->type = known[t].type;
            size = known[t].size;
        }
    int64_t block = gm_block_bytes(in->type);
    if (!in->name || !size || in->n < 1 || !kind || in->n % gm_block_values(in->type)) return -1;
    in->bytes = block ? gm_type_bytes(in->type, in->n) : (size_t)in->n * size;
    in->block = malloc(in->bytes + size);
    if (!in->block) return -1;
    in->data = (char *)in->block + size;
    if (block)
        fill_blocks(in, (uint32_t)json_integer_value(json_object_get(j, "seed")),
                    !strcmp(kind, "whole"));
    else fill(in, j);
    return 0;
}

static int find_output(ops_output *out, const ops_cases *c, json_t *j)
{
    const char *rule = json_string_value(json_object_get(j, "compare"));
    json_t *stride = json_object_get(j, "stride");
    int64_t at = json_integer_value(json_object_get(j, "at"));
    *out = (ops_output){ .name = json_string_value(json_object_get(j, "name")),
                         .n = json_integer_value(json_object_get(j, "n")),
                         .stride = stride ? json_integer_value(stride) : 1,
                         .alike = json_is_true(json_object_get(j, "alike")) };
    if (!out->name || !rule || out->n < 1 || out->stride < 1) return -1;
    out->rule = !strcmp(rule, "bits") ? OPS_BITS : !strcmp(rule, "ints") ? OPS_INTS : OPS_EACH;
    out->nstored = (out->n + out->stride - 1) / out->stride;
    if (at < 0 || at > c->nvalues - out->nstored * (out->rule == OPS_EACH ? 2 : 1)) return -1;
    out->want = c->values + at;
    out->magnitude = out->rule == OPS_EACH ? c->values + at + out->nstored : NULL;
    return 0;
}

int ops_case_load(ops_case *out, const ops_cases *c, int64_t i)
{
    json_t *j = json_array_get(c->list, (size_t)i), *inputs = json_object_get(j, "in"),
           *outputs = json_object_get(j, "out");
    *out = (ops_case){ .json = j, .op = json_string_value(json_object_get(j, "op")),
                       .name = json_string_value(json_object_get(j, "case")),
                       .number = json_number_value(json_object_get(j, "number")) };
    if (!out->op || !out->name || !json_array_size(outputs) ||
        json_array_size(outputs) > OPS_OUTPUTS || json_array_size(inputs) > OPS_INPUTS) {
        snprintf(out->error, sizeof out->error, "case %" PRId64 " is incomplete", i);
        return -1;
    }
    for (size_t k = 0; k < json_array_size(outputs); k++) {
        if (!find_output(&out->output[out->noutputs++], c, json_array_get(outputs, k))) continue;
        snprintf(out->error, sizeof out->error, "output %zu is not in values.bin", k);
        return -1;
    }
    for (size_t k = 0; k < json_array_size(inputs); k++) {
        out->ninputs++;
        if (!make_input(&out->input[k], json_array_get(inputs, k))) continue;
        snprintf(out->error, sizeof out->error, "input %zu cannot be made", k);
        return -1;
    }
    for (int k = 0; k < out->ninputs; k++) {
        const char *kind = json_string_value(json_object_get(json_array_get(inputs, (size_t)k),
                                                             "fill"));
        if (strcmp(kind, "forward") || !ops_forward(out, &out->input[k])) continue;
        snprintf(out->error, sizeof out->error, "input %d: the forward slot fails", k);
        return -1;
    }
    return 0;
}

void ops_case_free(ops_case *c)
{
    for (int i = 0; i < c->ninputs; i++) free(c->input[i].block);
    c->ninputs = 0;
}

int64_t ops_size(ops_case *c, const char *name)
{
    json_t *v = json_object_get(json_object_get(c->json, "sizes"), name);
    if (!v) snprintf(c->error, sizeof c->error, "the case has no size %s", name);
    return json_integer_value(v);
}

const ops_input *ops_in(const ops_case *c, const char *name)
{
    for (int i = 0; i < c->ninputs; i++)
        if (!strcmp(c->input[i].name, name)) return &c->input[i];
    return NULL;
}
