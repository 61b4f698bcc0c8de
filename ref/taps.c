/* Taps: every module's output under its PyTorch path, checked to be finite.  See tensor.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../io/os.h"
#include "context.h"

void gm_set_tap(gm_ctx *c, gm_tap_fn fn, void *user)
{
    c->tap = fn;
    c->tap_user = user;
}

bool gm_tapped(const gm_ctx *c) { return c->tap != NULL; }

void gm_taps_restart(gm_ctx *c)
{
    for (int64_t i = 0; i < c->ntaps; i++) c->tap_counts[i].calls = 0;
}

void gm_set_progress(gm_ctx *c, gm_progress_fn fn, void *user)
{
    c->progress = fn;
    c->progress_user = user;
}

void gm_progress(gm_ctx *c, int64_t done, int64_t of)
{
    if (c->progress && !c->failed) c->progress(c->progress_user, (double)done / (double)of);
}

/* How often this name was tapped before in this pass. */
static int64_t count_call(gm_ctx *c, const char *name)
{
    for (int64_t i = 0; i < c->ntaps; i++)
        if (strcmp(c->tap_counts[i].name, name) == 0) return c->tap_counts[i].calls++;
    if (c->ntaps == c->room_taps) {
        int64_t room = c->room_taps ? 2 * c->room_taps : 256;
        gm_tap_count *p = realloc(c->tap_counts, (size_t)room * sizeof *p);
        if (!p) return 0;
        c->tap_counts = p;
        c->room_taps = room;
    }
    char *copy = gm_copy_text(name);
    if (copy) c->tap_counts[c->ntaps++] = (gm_tap_count){ copy, 1 };
    return 0;
}

static bool all_finite(gm_ctx *c, gm_tensor x)
{
    int32_t yes = 1;
    if (c->stepping) return true;               /* the step's logits are looked at afterwards */
    gm_mark m = gm_scope(c);
    gm_tensor y = gm_new(c, GM_I32, 1, GM_DIMS(1));
    if (y.data && c->k->finite(y.data, x.data, gm_numel(x)) == 0) gm_to_host(c, &yes, y);
    gm_scope_end(c, m, GM_NONE);
    return yes;
}

/* Calls the tap with host memory. */
static void call_tap(gm_ctx *c, const char *name, gm_tensor x)
{
    const gm_memory *m = &c->blocks.source;
    if (!gm_on_device(c)) {
        c->tap(c->tap_user, c, name, x);
        return;
    }
    gm_tensor host = gm_host_copy(c, x);
    if (!host.data) return;
    c->tap(c->tap_user, c, name, host);
    if (m->upload(m->user, x.data, host.data, gm_bytes(x)))
        gm_set_error(c, "the device took no data");
    free(host.data);
}

void gm_tap(gm_ctx *c, gm_tensor x, const char *format, ...)
{
    if (c->failed || c->tap_off) return;
    char name[256];
    va_list a;
    va_start(a, format);
    int n = vsnprintf(name, sizeof name - 24, format, a);
    va_end(a);
    if (c->tap) {
        int64_t calls = count_call(c, name);
        if (calls) snprintf(name + n, 24, "#%lld", (long long)calls);
        call_tap(c, name, x);
    }
    if (!all_finite(c, x))
        gm_set_error(c, "the output of %s is not finite (NaN or infinity)", name);
}
