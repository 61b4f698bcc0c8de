/* Blocks of a context: one per tensor, given back by scope, reused.  See context.h. */
#include <stdlib.h>
#include <string.h>

#include "../io/os.h"
#include "context.h"

static void *host_alloc(void *user, size_t bytes)
{
    (void)user;
    return gm_aligned_alloc(bytes);
}

static void host_free(void *user, void *p, size_t bytes)
{
    (void)user;
    (void)bytes;
    free(p);
}

void gm_blocks_init(gm_blocks *b, const gm_memory *source)
{
    memset(b, 0, sizeof *b);
    b->source = source && source->alloc
                    ? *source
                    : (gm_memory){ .alloc = host_alloc, .free = host_free, .cache = true };
}

void gm_blocks_trim(gm_blocks *b)
{
    for (int64_t i = 0; i < b->nspare; i++)
        b->source.free(b->source.user, b->spare[i].p, b->spare[i].bytes);
    b->nspare = 0;
    b->spare_bytes = 0;
}

void gm_blocks_free(gm_blocks *b)
{
    b->source.cache = false;            /* what is given back now serves nobody */
    gm_blocks_end(b, 0, NULL, 0, NULL);
    gm_blocks_trim(b);
    free(b->live);
    free(b->spare);
    memset(b, 0, sizeof *b);
}

static bool push(gm_block **list, int64_t *n, int64_t *room, gm_block x)
{
    if (*n == *room) {
        int64_t more = *room ? 2 * *room : 64;
        gm_block *p = realloc(*list, (size_t)more * sizeof *p);
        if (!p) return false;
        *list = p;
        *room = more;
    }
    (*list)[(*n)++] = x;
    return true;
}

/* The smallest spare block that fits, if it wastes less than half of itself. */
static int64_t find_spare(const gm_blocks *b, size_t bytes)
{
    int64_t best = -1;
    for (int64_t i = 0; i < b->nspare; i++) {
        size_t have = b->spare[i].bytes;
        if (have < bytes || have / 2 > bytes) continue;
        if (best < 0 || have < b->spare[best].bytes) best = i;
    }
    return best;
}

void *gm_blocks_new(gm_blocks *b, size_t bytes)
{
    gm_block x = { NULL, bytes ? (bytes + 63) / 64 * 64 : 64 };
    if (x.bytes < bytes) return NULL;
    int64_t i = find_spare(b, x.bytes);
    if (i >= 0) {
        x = b->spare[i];
        b->spare[i] = b->spare[--b->nspare];
        b->spare_bytes -= x.bytes;
    } else {
        x.p = b->source.alloc(b->source.user, x.bytes);
        if (!x.p && b->nspare) { /* spare blocks of other sizes may be what is missing */
            gm_blocks_trim(b);
            x.p = b->source.alloc(b->source.user, x.bytes);
        }
        if (!x.p) return NULL;
    }
    if (!push(&b->live, &b->nlive, &b->room_live, x)) {
        b->source.free(b->source.user, x.p, x.bytes);
        return NULL;
    }
    b->live_bytes += x.bytes;
    if (b->live_bytes + b->spare_bytes > b->peak_bytes)
        b->peak_bytes = b->live_bytes + b->spare_bytes;
    return x.p;
}

static bool holds(const gm_block *x, const gm_tensor *keep, int n)
{
    for (int i = 0; i < n; i++) {
        const char *p = keep[i].data, *start = x->p;
        if (p && p >= start && p < start + x->bytes) return true;
    }
    return false;
}

/* Out of the live list already. */
static void give_back(gm_blocks *b, gm_block x)
{
    b->live_bytes -= x.bytes;
    if (b->source.cache && push(&b->spare, &b->nspare, &b->room_spare, x))
        b->spare_bytes += x.bytes;
    else b->source.free(b->source.user, x.p, x.bytes);
}

void gm_blocks_end(gm_blocks *b, int64_t from, const gm_tensor *keep, int n, const gm_nodes *held)
{
    int64_t kept = from;
    for (int64_t i = from; i < b->nlive; i++) {
        gm_block x = b->live[i];
        if (holds(&x, keep, n) || (held && gm_nodes_find(held, x.p))) b->live[kept++] = x;
        else give_back(b, x);
    }
    if (from < b->nlive) b->nlive = kept;
}

void gm_blocks_release(gm_blocks *b, const void *p)
{
    int64_t i = b->nlive - 1;
    while (i >= 0 && b->live[i].p != p) i--; /* what is released was mostly made last */
    if (i < 0) return;
    gm_block x = b->live[i];
    memmove(&b->live[i], &b->live[i + 1], (size_t)(b->nlive - i - 1) * sizeof *b->live);
    b->nlive--;
    give_back(b, x);
}
