/* The context: sticky error, tensors, scopes, the record.  See tensor.h. */
#include "context.h"
#include "tape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../io/os.h"
#include "kernels/typed.h"

gm_ctx *gm_ctx_new(const gm_kernels *kernels, const gm_memory *memory)
{
    gm_ctx *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->k = kernels;
    gm_blocks_init(&c->blocks, memory);
    return c;
}

void gm_ctx_free(gm_ctx *c)
{
    if (!c) return;
    gm_record_stop(c);
    gm_tape_stop(c);
    gm_blocks_free(&c->blocks);
    for (int64_t i = 0; i < c->ntaps; i++) free(c->tap_counts[i].name);
    free(c->tap_counts);
    free(c->records.record);
    free(c);
}

bool gm_ok(const gm_ctx *c) { return !c->failed; }
const char *gm_error_text(const gm_ctx *c) { return c->error; }

void gm_clear(gm_ctx *c)
{
    c->failed = false;
    c->error[0] = 0;
}

void gm_set_error(gm_ctx *c, const char *format, ...)
{
    if (c->failed) return;
    c->failed = true;
    va_list a;
    va_start(a, format);
    vsnprintf(c->error, sizeof c->error, format, a);
    va_end(a);
}

size_t gm_type_size(gm_dtype type)
{
    static const size_t size[GM_NTYPES] = { 4, 2, 2, 4, 8, 1 };
    return size[type];
}

size_t gm_type_bytes(gm_dtype type, int64_t n)
{
    int64_t block = gm_block_bytes(type);
    return block ? (size_t)(n / gm_block_values(type) * block) : (size_t)n * gm_type_size(type);
}

size_t gm_bytes(gm_tensor x) { return gm_type_bytes(x.type, gm_numel(x)); }

const char *gm_type_name(gm_dtype type)
{
    static const char *const name[GM_NTYPES] = {
        "f32", "bf16", "f16", "i32", "i64", "u8", "q8_0", "q4_0", "q4_1", "q4_K", "q5_K", "q6_K"
    };
    return name[type];
}

int64_t gm_numel(gm_tensor x)
{
    if (!x.data) return 0;
    int64_t n = 1;
    for (int i = 0; i < x.nd; i++) n *= x.dim[i];
    return n;
}

const char *gm_shape_text(char *buf, gm_tensor x)
{
    int at = sprintf(buf, "(");
    for (int i = 0; i < x.nd; i++)
        at += sprintf(buf + at, "%s%lld", i ? ", " : "", (long long)x.dim[i]);
    sprintf(buf + at, ")");
    return buf;
}

gm_tensor gm_new(gm_ctx *c, gm_dtype type, int nd, const int64_t *dim)
{
    if (c->failed) return GM_NONE;
    gm_tensor x = { .nd = nd, .type = type };
    int64_t n = 1;
    for (int i = 0; i < nd; i++) {
        x.dim[i] = dim[i];
        if (dim[i] < 0 || (dim[i] && n > INT64_MAX / 16 / dim[i])) {
            gm_set_error(c, "a tensor of impossible size was asked for (size %d is %lld)", i,
                         (long long)dim[i]);
            return GM_NONE;
        }
        n *= dim[i];
    }
    size_t bytes = gm_type_bytes(type, n);
    x.data = gm_blocks_new(&c->blocks, bytes);
    if (!x.data) {
        gm_set_error(c, "out of memory: %.1f MB more were wanted, %.1f MB are in use",
                     (double)bytes / 1e6, (double)c->blocks.live_bytes / 1e6);
        return GM_NONE;
    }
    return x;
}

gm_tensor gm_from(gm_ctx *c, gm_dtype type, const void *host, int nd, const int64_t *dim)
{
    gm_tensor x = gm_new(c, type, nd, dim);
    const gm_memory *m = &c->blocks.source;
    size_t bytes = gm_bytes(x);
    if (!bytes) return x;
    if (!m->upload) memcpy(x.data, host, bytes);
    else if (m->upload(m->user, x.data, host, bytes)) gm_set_error(c, "the device took no data");
    return c->failed ? GM_NONE : x;
}

gm_tensor gm_from_owned(gm_ctx *c, gm_dtype type, void *host, int nd, const int64_t *dim)
{
    gm_tensor x = GM_NONE;
    if (host) x = gm_from(c, type, host, nd, dim);
    else gm_set_error(c, "out of memory for a table on the host");
    free(host);
    return x;
}

void gm_to_host(gm_ctx *c, void *host, gm_tensor x)
{
    const gm_memory *m = &c->blocks.source;
    size_t bytes = gm_bytes(x);
    if (c->failed || !bytes) return;
    if (!m->download) memcpy(host, x.data, bytes);
    else if (m->download(m->user, host, x.data, bytes)) gm_set_error(c, "the device gave no data");
}

gm_tensor gm_host_copy(gm_ctx *c, gm_tensor x)
{
    size_t bytes = gm_bytes(x);
    gm_tensor y = x;
    if (c->failed) return GM_NONE;
    y.data = malloc(bytes + 1);
    if (!y.data) gm_set_error(c, "out of memory for %.1f MB on the host", (double)bytes / 1e6);
    else gm_to_host(c, y.data, x);
    if (!c->failed) return y;
    free(y.data);
    return GM_NONE;
}

void gm_zero(gm_ctx *c, gm_tensor x)
{
    size_t words = gm_type_bytes(x.type, gm_numel(x)) / sizeof(float);  /* 0 has the same bits */
    if (!c->failed && words && c->k->fill(x.data, (int64_t)words, 0) != 0)
        gm_set_error(c, "fill: the kernel of backend %s failed", c->k->name);
}

bool gm_on_device(const gm_ctx *c) { return c->blocks.source.download != NULL; }

void gm_step_begin(gm_ctx *c)
{
    const gm_memory *m = &c->blocks.source;
    if (c->failed || !m->begin) return;
    c->stepping = true;
    m->begin(m->user);
}

void gm_step_end(gm_ctx *c)
{
    const gm_memory *m = &c->blocks.source;
    if (!c->stepping) return;
    c->stepping = false;
    if (m->end(m->user)) gm_set_error(c, "the device failed in a step of decoding");
}

gm_tensor gm_reshape(gm_ctx *c, gm_tensor x, int nd, const int64_t *dim)
{
    if (c->failed) return GM_NONE;
    gm_tensor y = { .data = x.data, .nd = nd, .type = x.type };
    int64_t known = 1, total = gm_numel(x);
    int rest = -1;
    for (int i = 0; i < nd; i++) {
        y.dim[i] = dim[i];
        if (dim[i] < 0) rest = i;
        else known *= dim[i];
    }
    if (rest >= 0) y.dim[rest] = known ? total / known : 0;
    if (gm_numel(y) != total) {
        char a[100], b[100];
        gm_set_error(c, "reshape: %s does not hold the values of %s", gm_shape_text(a, y),
                     gm_shape_text(b, x));
        return GM_NONE;
    }
    return y;
}

/* ---- scopes ---- */

gm_mark gm_scope(gm_ctx *c) { return (gm_mark){ c->blocks.nlive }; }

void gm_scope_keep(gm_ctx *c, gm_mark m, const gm_tensor *keep, int n)
{
    gm_blocks_end(&c->blocks, m.blocks, keep, n, c->tape.on ? &c->tape.nodes : NULL);
}

gm_tensor gm_scope_end(gm_ctx *c, gm_mark m, gm_tensor keep)
{
    gm_scope_keep(c, m, &keep, 1);
    return keep;
}

void gm_give_back(gm_ctx *c, gm_tensor x)
{
    if (x.data) gm_blocks_release(&c->blocks, x.data);
}

void gm_trim(gm_ctx *c) { gm_blocks_trim(&c->blocks); }

void gm_memory_use(const gm_ctx *c, size_t *live, size_t *peak)
{
    if (live) *live = c->blocks.live_bytes;
    if (peak) *peak = c->blocks.peak_bytes;
}

/* ---- the record ---- */

bool gm_record_append(gm_record_list *l, const gm_record *r, size_t args_bytes)
{
    if (l->n == l->room) {
        int64_t room = l->room ? 2 * l->room : 256;
        gm_record *p = realloc(l->record, (size_t)room * sizeof *p);
        if (!p) return false;
        l->record = p;
        l->room = room;
    }
    gm_record x = *r;
    x.args = NULL;
    if (args_bytes) {
        void *copy = malloc(args_bytes);
        if (!copy) return false;
        memcpy(copy, r->args, args_bytes);
        x.args = copy;
    }
    l->record[l->n++] = x;
    return true;
}

void gm_record_cut(gm_record_list *l, int64_t n)
{
    while (l->n > n) free((void *)l->record[--l->n].args);
}

void gm_record_start(gm_ctx *c)
{
    gm_record_stop(c);
    c->recording = true;
    c->started = gm_seconds();
}

int64_t gm_records(const gm_ctx *c, const gm_record **first)
{
    *first = c->records.record;
    return c->records.n;
}

void gm_record_stop(gm_ctx *c)
{
    gm_record_cut(&c->records, 0);
    c->recording = false;
}
