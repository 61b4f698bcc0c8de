/* Every backward slot of the oracle against finite differences of its forward slot, on the inputs
 * of golden/ops: no value of PyTorch enters here.
 *
 * With L = sum of dy y, and an input moved along a random direction by +-h: L(+h) - L(-h) must be
 * the sum of gradient times what the input moved by.  h shrinks until the difference between two
 * steps (the error of the larger one) meets the noise of the forward slot's rounding to float; both
 * together are the tolerance. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "hash.h"
#include "ops_run.h"

static const double ROUNDING = 0x1p-24;         /* of one float, relative */
static const double SHARP = 0.01; /* of the sum's size; a wider tolerance says nothing */

/* round_bf16 is a staircase, and its gradient that of the slope beneath. */
static const char STAIRCASE[] = "round_bf16_backward";

static float *room(int64_t n)
{
    float *x = calloc((size_t)n, sizeof *x);
    ck_assert(x != NULL);
    return x;
}

/* An input by name; where the backward slot does not read it, one of n random values for the
 * forward slot. */
static ops_input *input_of(ops_case *c, const char *name, int64_t n)
{
    for (int i = 0; i < c->ninputs; i++)
        if (!strcmp(c->input[i].name, name)) return &c->input[i];
    ck_assert_int_lt(c->ninputs, OPS_INPUTS);
    ops_input *in = &c->input[c->ninputs++];
    float *x = room(n);
    for (int64_t i = 0; i < n; i++) x[i] = hash_uniform(7, (uint32_t)i);
    *in = (ops_input){ name, GM_F32, n, (size_t)n * sizeof *x, x, x };
    return in;
}

/* Gives the case what the forward slot reads besides; 0 where a size is not known. */
static int complete(ops_case *c)
{
    const ops_input *w = ops_in(c, "w");
    for (int o = 0; o < c->noutputs; o++)
        input_of(c, c->output[o].name + 1, c->output[o].n);
    if (w) input_of(c, "b", w->n);
    int pair = !strcmp(c->op, "concat_backward") || !strcmp(c->op, "add_backward");
    return !pair || (ops_in(c, "a") && ops_in(c, "b"));
}

/* L, and the most that rounding y may have moved it by. */
static double loss(const ops_case *c, float *y, double *noise)
{
    const ops_input *dy = ops_in(c, "dy");
    const float *weight = dy->data;
    double sum = 0, size = 0;
    ck_assert_int_eq(ops_forward(c, &(ops_input){ .data = y }), 0);
    for (int64_t i = 0; i < dy->n; i++) {
        sum += (double)weight[i] * y[i];
        size += fabs((double)weight[i] * y[i]);
    }
    *noise = size * ROUNDING;
    return sum;
}

static double deviation(const float *x, int64_t n)
{
    double mean = 0, square = 0;
    for (int64_t i = 0; i < n; i++) mean += x[i] / (double)n;
    for (int64_t i = 0; i < n; i++) square += (x[i] - mean) * (x[i] - mean) / (double)n;
    return square > 0 ? sqrt(square) : 1;
}

/* One step: what L changed by, what the gradient says, both by unit of h; the noise; the size of
 * the gradient's sum. */
typedef struct { double found, told, noise, size; } difference;

static difference step(const ops_case *c, ops_input *in, const float *gradient, float *y, double h)
{
    float *x = in->data, *start = room(in->n), *plus = room(in->n);
    double spread = deviation(x, in->n), noise[2], square = 0;
    difference d = { 0, 0, 0, 0 };
    int kink = !strcmp(c->op, "relu_backward");
    memcpy(start, x, in->bytes);
    for (int64_t i = 0; i < in->n; i++)
        plus[i] = kink && fabs(x[i]) < 2 * h * spread
                ? x[i] : (float)(x[i] + h * spread * hash_uniform(3, (uint32_t)i));
    memcpy(x, plus, in->bytes);
    d.found = loss(c, y, &noise[0]);
    for (int64_t i = 0; i < in->n; i++) x[i] = (float)(2.0 * start[i] - plus[i]);
    d.found = (d.found - loss(c, y, &noise[1])) / h;
    for (int64_t i = 0; i < in->n; i++) {
        double term = gradient[i] * ((double)plus[i] - x[i]) / h;
        d.told += term;
        square += term * term;
        d.noise += fabs(term) * ROUNDING;
    }
    d.noise += (noise[0] + noise[1]) / h;
    d.size = sqrt(square);
    memcpy(x, start, in->bytes);
    free(start);
    free(plus);
    return d;
}

/* 1 when it was sharp enough to say something; the gradient of output o alone, onto 0. */
static int check_output(ops_case *c, int o)
{
    ops_input *in = input_of(c, c->output[o].name + 1, c->output[o].n);
    if (in->type != GM_F32) return 0;
    float *gradient = room(c->output[o].n), *y = room(ops_in(c, "dy")->n);
    void *scratch = aligned_alloc(64, (ops_scratch(gm_kernels_ref(), c) + 127) / 64 * 64);
    double last = NAN, error = NAN, tolerance = INFINITY, size = 0;
    for (int k = 0; k < c->noutputs; k++) c->output[k].data = k == o ? gradient : NULL;
    ck_assert_int_eq(ops_call(gm_kernels_ref(), c, scratch), 0);
    for (double h = 0x1p-2; h >= 0x1p-14; h /= 4) {
        difference d = step(c, in, gradient, y, h);
        double within = d.noise + fabs(d.found - last);
        last = d.found;
        if (!(within < tolerance)) continue;
        tolerance = within;
        error = fabs(d.found - d.told);
        size = d.size;
        if (tolerance < 1e-5 * size) break;
    }
    free(gradient);
    free(y);
    free(scratch);
    if (!(tolerance <= SHARP * size)) return 0;
    ck_assert_msg(error <= tolerance, "%s, %s: %s is off by %g of %g, more than %g", c->op, c->name,
                  c->output[o].name, error, size, tolerance);
    return 1;
}

static int ordinary(const ops_case *c)
{
    for (int i = 0; i < c->ninputs; i++) {
        const float *x = c->input[i].data;
        for (int64_t k = 0; c->input[i].type == GM_F32 && k < c->input[i].n; k++)
            if (!(fabsf(x[k]) < 1e6f)) return 0;
    }
    return 1;
}

START_TEST(gradients_are_those_of_the_forward_slot)
{
    ops_cases cases;
    char error[200];
    const char *op = ops_name(_i);
    struct { const char *name; int checked; } seen[OPS_OUTPUTS] = { { NULL, 0 } };
    if (!strstr(op, "_backward") || !strcmp(op, STAIRCASE)) return;
    ck_assert_msg(!ops_cases_open(&cases, "golden/ops", error), "%s", error);
    for (size_t i = 0; i < json_array_size(cases.list); i++) {
        ops_case c;
        const char *its = json_string_value(json_object_get(json_array_get(cases.list, i), "op"));
        if (strcmp(its, op)) continue;
        ck_assert_int_eq(ops_case_load(&c, &cases, (int64_t)i), 0);
        int usual = complete(&c) && ordinary(&c);
        for (int o = 0; usual && o < c.noutputs; o++) {
            int slot = 0;
            while (seen[slot].name && strcmp(seen[slot].name, c.output[o].name)) slot++;
            seen[slot].name = c.output[o].name;
            seen[slot].checked += check_output(&c, o);
        }
        ops_case_free(&c);
    }
    ck_assert_msg(seen[0].name != NULL, "%s: no case", op);
    for (int s = 0; s < OPS_OUTPUTS && seen[s].name; s++)
        ck_assert_msg(seen[s].checked >= 3, "%s: %s was checked %d times", op, seen[s].name,
                      seen[s].checked);
    ops_cases_close(&cases);
}
END_TEST

/* Every output NULL: nothing to do, and no harm. */
START_TEST(nothing_is_wanted)
{
    ops_cases cases;
    gm_kernels cpu;
    char error[200];
    int calls = 0;
    gm_kernels_inherit(&cpu, gm_kernels_cpu(), gm_kernels_ref());
    ck_assert_msg(!ops_cases_open(&cases, "golden/ops", error), "%s", error);
    for (size_t i = 0; i < json_array_size(cases.list); i++) {
        ops_case c;
        ck_assert_int_eq(ops_case_load(&c, &cases, (int64_t)i), 0);
        for (int cpu_too = 0; strstr(c.op, "_backward") && cpu_too < 2; cpu_too++, calls++) {
            const gm_kernels *k = cpu_too ? &cpu : gm_kernels_ref();
            void *scratch = aligned_alloc(64, (ops_scratch(k, &c) + 127) / 64 * 64);
            ck_assert_msg(!ops_call(k, &c, scratch), "%s of %s, %s", c.op, k->name, c.name);
            free(scratch);
        }
        ops_case_free(&c);
    }
    ck_assert_int_gt(calls, 600);
    ops_cases_close(&cases);
}
END_TEST

Suite *test_backward(void)
{
    Suite *s = suite_create("backward");
    TCase *t = tcase_create("differences");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, gradients_are_those_of_the_forward_slot, 0, ops_count());
    tcase_add_test(t, nothing_is_wanted);
    suite_add_tcase(s, t);
    return s;
}
