/* A case's inputs and sizes as arguments of kernels. */
#ifndef GM_OPS_CALLS_H
#define GM_OPS_CALLS_H
#include "ops_run.h"

static inline const void *data(const ops_case *c, const char *name)
{
    const ops_input *in = ops_in(c, name);
    return in ? in->data : NULL;
}

static inline gm_dtype type(const ops_case *c, const char *name)
{
    const ops_input *in = ops_in(c, name);
    return in ? in->type : GM_F32;
}

static inline int64_t z(ops_case *c, const char *name)
{
    return ops_size(c, name);
}

static inline gm_conv conv_of(ops_case *c)
{
    return (gm_conv){ z(c, "B"), z(c, "CI"), z(c, "H"), z(c, "W"), z(c, "CO"), z(c, "KH"),
                      z(c, "KW"),
                      z(c, "stride"), z(c, "pad"), z(c, "HO"), z(c, "WO") };
}

static inline gm_attn attn_of(ops_case *c)
{
    return (gm_attn){ z(c, "B"),           z(c, "TQ"),   z(c, "TK"),      z(c, "KS"),
                      z(c, "NH"),          z(c, "NKV"),  z(c, "HD"),      (float)c->number,
                      (int)z(c, "causal"), z(c, "past"), data(c, "keep"), data(c, "rel_h"),
                      data(c, "rel_w"),    z(c, "GH"),   z(c, "GW") };
}

#endif
