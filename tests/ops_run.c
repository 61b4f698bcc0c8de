/* See ops_run.h. */
#include "ops_run.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 17 };                        /* words; odd, so that y is aligned to 4 bytes only */
static const uint32_t GUARD_WORD = 0x00c0ffee;      /* 1.8e-38: adding to it shows, too */
static const uint32_t NEVER_WRITTEN =
    0x7fedcba9; /* a NaN that no kernel computes; NaN + x keeps its bits */

/* block: n words between guards. */
static void guard(uint32_t *block, int64_t n)
{
    for (int64_t i = 0; i < n + 2 * GUARD; i++)
        block[i] = i < GUARD || i >= GUARD + n ? GUARD_WORD : NEVER_WRITTEN;
}

static int guards_whole(const uint32_t *block, int64_t n)
{
    for (int64_t i = 0; i < GUARD; i++)
        if (block[i] != GUARD_WORD || block[GUARD + n + i] != GUARD_WORD) return 0;
    return 1;
}

/* Copies of the inputs, one after the other; NULL when out of memory. */
static char *save_inputs(const ops_case *c)
{
    size_t total = 1, at = 0;
    for (int i = 0; i < c->ninputs; i++) total += c->input[i].bytes;
    char *saved = malloc(total);
    for (int i = 0; saved && i < c->ninputs; at += c->input[i++].bytes)
        memcpy(saved + at, c->input[i].data, c->input[i].bytes);
    return saved;
}

static const char *changed_input(const ops_case *c, const char *saved)
{
    for (int i = 0; i < c->ninputs; saved += c->input[i++].bytes)
        if (memcmp(saved, c->input[i].data, c->input[i].bytes)) return c->input[i].name;
    return NULL;
}

/* 64-byte aligned scratch of the asked size, full of NaN, with a guard behind it. */
static unsigned char *scratch_new(size_t bytes)
{
    size_t whole = (bytes + 64 + 63) / 64 * 64;
    unsigned char *s = aligned_alloc(64, whole);
    if (s) memset(s, 0xff, whole);
    return s;
}

static int scratch_whole(const unsigned char *s, size_t bytes)
{
    for (size_t i = bytes; i < bytes + 64; i++)
        if (s[i] != 0xff) return 0;
    return 1;
}

/* Fresh outputs, in one block: each n words long, behind GUARD words and in front of as many. */
static int64_t words(const ops_case *c)
{
    int64_t total = 0;
    for (int o = 0; o < c->noutputs; o++) total += c->output[o].n + 2 * GUARD;
    return total;
}

static uint32_t *outputs_new(ops_case *c)
{
    uint32_t *block = malloc((size_t)words(c) * 4), *at = block;
    for (int o = 0; block && o < c->noutputs; at += c->output[o++].n + 2 * GUARD) {
        const ops_input *start = ops_in(c, c->output[o].name);
        guard(at, c->output[o].n);
        c->output[o].data = at + GUARD;
        if (start) memcpy(at + GUARD, start->data, start->bytes);
    }
    return block;
}

/* What is wrong with the outputs in block besides their values. */
static void check_outputs(const ops_case *c, const uint32_t *block, char *error, size_t size)
{
    for (int o = 0; o < c->noutputs; block += c->output[o++].n + 2 * GUARD) {
        const char *name = c->noutputs > 1 ? c->output[o].name : "";
        if (!guards_whole(block, c->output[o].n))
            snprintf(error, size, "wrote outside its output%s%s", name[0] ? " " : "", name);
        for (int64_t i = 0; !error[0] && i < c->output[o].n; i++)
            if (block[GUARD + i] == NEVER_WRITTEN)
                snprintf(error, size, "never wrote element %" PRId64 "%s%s, or added to what was"
                                      " there", i, name[0] ? " of " : "", name);
    }
}

/* One call on fresh outputs: their block, or NULL with the reason in error. */
static uint32_t *run_once(const gm_kernels *k, ops_case *c, char *error, size_t size)
{
    size_t bytes = ops_scratch(k, c);
    uint32_t *block = outputs_new(c);
    unsigned char *scratch = scratch_new(bytes);
    char *saved = save_inputs(c);
    error[0] = 0;
    if (!block || !scratch || !saved) snprintf(error, size, "out of memory");
    else {
        int rc = ops_call(k, c, scratch);
        const char *changed = changed_input(c, saved);
        if (c->error[0]) snprintf(error, size, "%s", c->error);
        else if (rc) snprintf(error, size, "returned %d", rc);
        else if (!scratch_whole(scratch, bytes))
            snprintf(error, size, "wrote behind its scratch of %zu bytes", bytes);
        else if (changed) snprintf(error, size, "changed its input %s", changed);
        else check_outputs(c, block, error, size);
    }
    free(saved);
    free(scratch);
    if (!error[0]) return block;
    free(block);
    return NULL;
}

/* Every stride-th element of an output. */
static uint32_t *thinned(const ops_output *out, const uint32_t *data)
{
    uint32_t *kept = malloc((size_t)out->nstored * 4);
    for (int64_t i = 0; kept && i < out->nstored; i++) kept[i] = data[i * out->stride];
    return kept;
}

double ops_eps(gm_dtype precision)
{
    return precision == GM_BF16 ? 0x1p-7 : precision == GM_F16 ? 0x1p-10 : GM_EPS;
}

/* Terms in the sum that a norm's or a loss's elements all hang on, and of products with weights in
 * blocks of 256; 0 for other ops. */
static double terms_of(ops_case *c)
{
    static const char *const by_C[] = {
        "layernorm", "layernorm_backward", "layernorm2d", "layernorm2d_backward", "rmsnorm",
        "rmsnorm_backward", "cross_entropy", "cross_entropy_backward",
    }, *const by_P[] = { "bce", "dice", "dice_backward" };
    for (size_t i = 0; i < sizeof by_C / sizeof *by_C; i++)
        if (!strcmp(c->op, by_C[i])) return (double)ops_size(c, "C");
    for (size_t i = 0; i < sizeof by_P / sizeof *by_P; i++)
        if (!strcmp(c->op, by_P[i])) return (double)ops_size(c, "P");
    const ops_input *w = strcmp(c->op, "linear") ? NULL : ops_in(c, "w");
    if (w && w->type >= GM_Q4_K && w->type <= GM_Q6_K) return (double)ops_size(c, "K");
    if (strcmp(c->op, "groupnorm") && strcmp(c->op, "groupnorm_backward")) return 0;
    return (double)(ops_size(c, "C") / ops_size(c, "G") * ops_size(c, "HW"));
}

double ops_allowance(ops_case *c, gm_dtype precision)
{
    return fmax(4 * ops_eps(precision), sqrt(terms_of(c)) * GM_EPS / 2);
}

static gm_comparison judge(const ops_output *out, const void *got, const void *want, double factor)
{
    gm_comparison c = out->rule == OPS_INTS ? gm_compare_ints(got, want, out->nstored)
                    : out->rule == OPS_BITS ? gm_compare_bits(got, want, out->nstored)
                    : gm_compare_each(got, want, out->nstored, out->magnitude, factor);
    if (out->alike && c.verdict == GM_VACUOUS && c.n > 0) c.verdict = GM_PASS;
    return c;
}

/* Makes b the worst so far: the first that does not pass, else the largest error. */
static void keep_worse(gm_comparison *worst, const char **name, const gm_comparison *b,
                       const char *its)
{
    if (*name && (worst->verdict != GM_PASS || (b->verdict == GM_PASS && b->ratio <= worst->ratio)))
        return;
    *worst = *b;
    *name = its;
}

/* The blocks of two runs against PyTorch's values and, where there is one, another table's block.
 * 0, or -1 when out of memory. */
static int judge_all(ops_report *r, const ops_case *c, const uint32_t *first,
                     const uint32_t *second, const uint32_t *other, double factor)
{
    int64_t at = GUARD;
    for (int o = 0; o < c->noutputs; at += c->output[o++].n + 2 * GUARD) {
        const ops_output *out = &c->output[o];
        uint32_t *run[2] = { thinned(out, first + at), thinned(out, second + at) };
        uint32_t *theirs = other ? thinned(out, other + at) : NULL;
        int whole = run[0] && run[1] && (theirs || !other);
        for (int i = 0; whole && i < 2; i++) {
            gm_comparison torch = judge(out, run[i], out->want, factor);
            keep_worse(&r->c, &r->out, &torch, out->name);
            if (!theirs) continue;
            gm_comparison oracle = judge(out, run[i], theirs, factor);
            keep_worse(&r->other, &r->other_out, &oracle, out->name);
        }
        free(run[0]);
        free(run[1]);
        free(theirs);
        if (!whole) return -1;
    }
    return 0;
}

/* Closes the gaps between the outputs; how many elements they have. */
static int64_t pack(const ops_case *c, uint32_t *block)
{
    int64_t n = 0, from = GUARD;
    for (int o = 0; o < c->noutputs; from += c->output[o++].n + 2 * GUARD) {
        memmove(block + n, block + from, (size_t)c->output[o].n * 4);
        n += c->output[o].n;
    }
    return n;
}

int ops_run_case(const gm_kernels *k, const gm_kernels *against, ops_case *c,
                 const ops_terms *terms, ops_report_fn report, void *user)
{
    ops_report r = { .op = c->op, .name = c->name };
    uint32_t *first = run_once(k, c, r.error, sizeof r.error);
    uint32_t *second = first ? run_once(k, c, r.error, sizeof r.error) : NULL;
    uint32_t *other = second && against ? run_once(against, c, r.error, sizeof r.error) : NULL;
    r.c.verdict = GM_FAIL;
    if (first && second && !terms->unsteady && memcmp(first, second, (size_t)words(c) * 4))
        snprintf(r.error, sizeof r.error, "gave other bits the second time");
    if (!r.error[0] && judge_all(&r, c, first, second, other, ops_allowance(c, terms->precision)))
        snprintf(r.error, sizeof r.error, "out of memory");
    if (!r.error[0]) {
        r.got = first;
        r.n = pack(c, first);
    }
    int passed = !r.error[0] && r.c.verdict == GM_PASS && (!other || r.other.verdict == GM_PASS);
    if (report) report(user, &r);
    free(first);
    free(second);
    free(other);
    return passed;
}

int64_t ops_run(const ops_cases *cases, const gm_kernels *k, const gm_kernels *against,
                const char *op, ops_report_fn report, void *user, int64_t *ran)
{
    int64_t failed = 0, count = 0;
    for (size_t i = 0; i < json_array_size(cases->list); i++) {
        ops_case c;
        const char *name = json_string_value(json_object_get(json_array_get(cases->list, i), "op"));
        if (op && (!name || strcmp(op, name))) continue;
        count++;
        if (!ops_case_load(&c, cases, (int64_t)i)) {
            if (!ops_run_case(k, against, &c, &(ops_terms){ 0 }, report, user)) failed++;
        } else {
            ops_report r = { .op = name ? name : "?", .name = c.name ? c.name : "?",
                             .c.verdict = GM_FAIL };
            snprintf(r.error, sizeof r.error, "%s", c.error);
            failed++;
            if (report) report(user, &r);
        }
        ops_case_free(&c);
    }
    if (ran) *ran = count;
    return failed;
}
