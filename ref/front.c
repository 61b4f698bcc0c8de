/* See front.h. */
#include "front.h"

#include "../io/os.h"
#include "kernels/typed.h"

bool gm_front(gm_ctx *c, const char *op, bool ok, const char *want, gm_tensor a, gm_tensor b)
{
    if (c->failed) return false;
    if (!a.data || !b.data) {
        gm_set_error(c, "%s: an input is missing (wanted %s)", op, want);
        return false;
    }
    if (!ok) {
        char s[100], t[100];
        gm_set_error(c, "%s: wanted %s, found %s %s and %s %s", op, want, gm_type_name(a.type),
                     gm_shape_text(s, a), gm_type_name(b.type), gm_shape_text(t, b));
        return false;
    }
    if (c->recording) c->started = gm_seconds();
    return true;
}

gm_tensor gm_front_end(gm_ctx *c, const char *op, int status, gm_tensor y, gm_record r,
                       size_t args_bytes)
{
    if (c->failed) return GM_NONE;
    if (status != 0) {
        gm_set_error(c, "%s: the kernel of backend %s failed with code %d", op, c->k->name, status);
        return GM_NONE;
    }
    r.op = op;
    r.y = y;
    if (c->recording) {
        r.seconds = gm_seconds() - c->started;
        if (!gm_record_append(&c->records, &r, args_bytes))
            gm_set_error(c, "out of memory for the record of operations");
    }
    if (c->tape.on) gm_tape_record(c, &r, args_bytes);
    return y;
}

int64_t gm_rows(gm_tensor x, int tail)
{
    int64_t n = 1;
    for (int i = 0; i < x.nd - tail; i++) n *= x.dim[i];
    return n;
}

bool gm_same_shape(gm_tensor a, gm_tensor b)
{
    if (a.nd != b.nd) return false;
    for (int i = 0; i < a.nd; i++)
        if (a.dim[i] != b.dim[i]) return false;
    return true;
}

bool gm_is_float(gm_tensor x) { return x.type == GM_F32; }
bool gm_is_weight(gm_tensor x) { return x.type == GM_F32 || x.type == GM_BF16 || x.type == GM_F16; }
bool gm_is_matrix(gm_tensor x) { return x.nd == 2 && gm_is_matrix_type(x.type, x.dim[1]); }
bool gm_is_vector(gm_tensor x, int64_t n) { return x.type == GM_F32 && x.nd == 1 && x.dim[0] == n; }
gm_tensor gm_like(gm_ctx *c, gm_tensor x) { return gm_new(c, GM_F32, x.nd, x.dim); }

/* Row numbers come from texts and other files than the table does, so they are looked at on the
 * host.  (In a step of decoding they are the model's own choice.) */
bool gm_rows_exist(gm_ctx *c, const char *op, gm_tensor rows, int64_t R)
{
    int32_t part[256];
    if (c->stepping) return true;
    for (int64_t at = 0; at < rows.dim[0]; at += 256) {
        gm_tensor x = rows;
        x.data = (int32_t *)rows.data + at;
        x.dim[0] = rows.dim[0] - at < 256 ? rows.dim[0] - at : 256;
        gm_to_host(c, part, x);
        for (int64_t i = 0; i < x.dim[0]; i++) {
            if (part[i] >= 0 && part[i] < R) continue;
            gm_set_error(c, "%s: wanted a row below %lld, found row %d", op, (long long)R, part[i]);
            return false;
        }
    }
    return true;
}

void *gm_scratch(gm_ctx *c, size_t bytes)
{
    if (!bytes) return NULL;
    return gm_new(c, GM_U8, 1, GM_DIMS((int64_t)bytes)).data;
}

void gm_scratch_end(gm_ctx *c, gm_mark m) { gm_blocks_end(&c->blocks, m.blocks, NULL, 0, NULL); }
