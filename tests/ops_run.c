/* See ops_run.h. */
#include "ops_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 17 };                        /* words; odd, so that y is aligned to 4 bytes only */
static const uint32_t GUARD_WORD = 0xfeedf00d;
static const uint32_t NEVER_WRITTEN =
    0x7fedcba9; /* a NaN that no kernel computes; NaN + x keeps its bits */

/* Room for n words between guards. */
static uint32_t *guarded(int64_t n)
{
    uint32_t *block = malloc((size_t)(n + 2 * GUARD) * 4);
    for (int64_t i = 0; block && i < n + 2 * GUARD; i++)
        block[i] = i < GUARD || i >= GUARD + n ? GUARD_WORD : NEVER_WRITTEN;
    return block;
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

/* One call on a fresh output: the block (y behind GUARD words), or NULL with the reason in
 * error. */
static uint32_t *run_once(const gm_kernels *k, ops_case *c, char *error, size_t size)
{
    size_t bytes = ops_scratch(k, c);
    uint32_t *block = guarded(c->n);
    unsigned char *scratch = scratch_new(bytes);
    char *saved = save_inputs(c);
    const ops_input *start = ops_in(c, "y");        /* place writes into what is there */
    int rc = -1;
    const char *changed = NULL;
    error[0] = 0;
    if (!block || !scratch || !saved) snprintf(error, size, "out of memory");
    else {
        if (start) memcpy(block + GUARD, start->data, start->bytes);
        rc = ops_call(k, c, block + GUARD, scratch);
        changed = changed_input(c, saved);
        if (c->error[0]) snprintf(error, size, "%s", c->error);
        else if (rc) snprintf(error, size, "returned %d", rc);
        else if (!guards_whole(block, c->n)) snprintf(error, size, "wrote outside its output");
        else if (!scratch_whole(scratch, bytes))
            snprintf(error, size, "wrote behind its scratch of %zu bytes", bytes);
        else if (changed) snprintf(error, size, "changed its input %s", changed);
    }
    for (int64_t i = 0; block && !error[0] && i < c->n; i++)
        if (block[GUARD + i] == NEVER_WRITTEN)
            snprintf(error, size, "never wrote element %" PRId64 ", or added to what was there", i);
    free(saved);
    free(scratch);
    if (!error[0]) return block;
    free(block);
    return NULL;
}

/* The first nstored words of block become every stride-th one. */
static void thin(const ops_case *c, uint32_t *block)
{
    for (int64_t i = 0; i < c->nstored; i++) block[i] = block[i * c->stride];
}

double ops_eps(gm_dtype precision)
{
    return precision == GM_BF16 ? 0x1p-7 : precision == GM_F16 ? 0x1p-10 : GM_EPS;
}

static gm_comparison judge(const ops_case *c, const void *got, const void *want, double eps)
{
    if (c->rule == OPS_INTS) return gm_compare_ints(got, want, c->nstored);
    if (c->rule == OPS_BITS) return gm_compare_bits(got, want, c->nstored);
    return gm_compare_each(got, want, c->nstored, c->magnitude, 4 * eps);
}

/* The worse of what two runs gave. */
static gm_comparison judge_both(const ops_case *c, const uint32_t *first, const uint32_t *second,
                                const void *want, double eps)
{
    gm_comparison a = judge(c, first + GUARD, want, eps), b = judge(c, second + GUARD, want, eps);
    return b.verdict != GM_PASS || (a.verdict == GM_PASS && b.ratio > a.ratio) ? b : a;
}

int ops_run_case(const gm_kernels *k, const gm_kernels *against, ops_case *c,
                 const ops_terms *terms, ops_report_fn report, void *user)
{
    ops_report r = { .op = c->op, .name = c->name, .n = c->n };
    double eps = ops_eps(terms->precision);
    uint32_t *first = run_once(k, c, r.error, sizeof r.error);
    uint32_t *second = first ? run_once(k, c, r.error, sizeof r.error) : NULL;
    uint32_t *other = second && against ? run_once(against, c, r.error, sizeof r.error) : NULL;
    r.c.verdict = GM_FAIL;
    if (first && second && !terms->unsteady &&
        memcmp(first, second, (size_t)(c->n + 2 * GUARD) * 4))
        snprintf(r.error, sizeof r.error, "gave other bits the second time");
    uint32_t *whole = r.error[0] ? NULL : guarded(c->n);
    if (!r.error[0] && !whole) snprintf(r.error, sizeof r.error, "out of memory");
    if (whole) {
        r.got = memcpy(whole, first + GUARD, (size_t)c->n * 4);
        thin(c, first + GUARD);
        thin(c, second + GUARD);
        if (other) thin(c, other + GUARD);
        r.c = judge_both(c, first, second, c->want, eps);
        if (other) r.other = judge_both(c, first, second, other + GUARD, eps);
    }
    int passed = !r.error[0] && r.c.verdict == GM_PASS && (!other || r.other.verdict == GM_PASS);
    if (report) report(user, &r);
    free(whole);
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
