/* Our side of make bench-train: updates of a configuration, one for each line of input, so that they
 * can alternate with somebody else's.  usage: step CONFIG FILE
 * "batch": writes what the next update will train on to FILE (safetensors) and answers "batch".
 * "step": does it and answers "loss norm wall processor data"; the last is the processor time of
 * drawing the batch, which the other two contain. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "../../io/os.h"
#include "../../io/tensor_out.h"
#include "../../train/comm.h"
#include "../../train/trainer.h"

/* Processor seconds of this process, all threads. */
static double processor(void) { return (double)clock() / CLOCKS_PER_SEC; }

static void say(void *user, const char *line)
{
    (void)user;
    fprintf(stderr, "%s\n", line);
}

/* The batch of the next update, as gm_trainer_update will draw it. */
static int draw(gm_trainer *t, gm_train_batch *h, gm_error *e)
{
    int64_t n = t->o->batch * t->o->accumulate, have = 0;
    gm_sample *s = calloc((size_t)n, sizeof *s);
    gm_set_kind kind = gm_data_kind(t->data, t->update);
    int bad = s ? 0 : gm_fail(e, "out of memory");
    for (; !bad && have < n; have += !bad)
        bad = gm_data_draw(t->data, kind, t->update * n + have, &s[have], e);
    if (!bad) bad = gm_train_batch_make(h, t->m, s, n, t->o->max_ids, e);
    for (int64_t i = 0; i < have; i++) gm_sample_free(&s[i]);
    free(s);
    return bad;
}

enum { MOST = 64 + 8 };                 /* tensors in the file: a target a sample, and the rest */

typedef struct { gm_out_tensor t[MOST]; char name[MOST][40]; int64_t n; } file;

static void put(file *f, const char *name, gm_dtype type, const void *data, int nd,
                const int64_t *dim)
{
    gm_tensor x = { .data = (void *)data, .nd = nd, .type = type };
    if (!data) return;
    for (int i = 0; i < nd; i++) x.dim[i] = dim[i];
    snprintf(f->name[f->n], sizeof f->name[0], "%s", name);
    f->t[f->n] = (gm_out_tensor){ .name = f->name[f->n], .x = x, .type = type };
    f->n++;
}

static int write_batch(const gm_train_batch *h, const char *path, gm_error *e)
{
    file f = { .n = 0 };
    int64_t B = h->B;
    put(&f, "ids", GM_I32, h->ids, 2, GM_DIMS(B, h->L));
    put(&f, "labels", GM_I32, h->labels, 2, GM_DIMS(B, h->L));
    put(&f, "clip", GM_F32, h->clip, 4, GM_DIMS(B, 3, h->S, h->S));
    put(&f, "sam", GM_F32, h->sam, 4, GM_DIMS(B, 3, h->Z, h->Z));
    put(&f, "resized", GM_I64, h->resized, 2, GM_DIMS(B, 2));
    put(&f, "original", GM_I64, h->original, 2, GM_DIMS(B, 2));
    put(&f, "boxes_of", GM_I64, h->boxes_of, 1, GM_DIMS(B + 1));
    if (h->boxes) put(&f, "box", GM_F32, h->box, 2, GM_DIMS(h->boxes, 4));
    for (int64_t i = 0; h->sam && i < B; i++) {
        char name[40];
        snprintf(name, sizeof name, "target.%02lld", (long long)i);
        put(&f, name, GM_F32, h->target[i], 3,
            GM_DIMS(h->targets[i], h->original[i][0], h->original[i][1]));
    }
    return gm_safetensors_write_out(path, f.t, f.n, e);
}

/* The processor time of drawing the next batch; writes it when there is a path. */
static int batch(gm_trainer *t, const char *path, double *seconds, gm_error *e)
{
    gm_train_batch h;
    double start = processor();
    if (draw(t, &h, e) != 0) return -1;
    *seconds = processor() - start;
    int bad = path ? write_batch(&h, path, e) : 0;
    gm_train_batch_free(&h);
    return bad;
}

static int step(gm_trainer *t, gm_error *e)
{
    gm_train_report r;
    double data;
    bool first = gm_comm_rank() == 0;
    if ((first && batch(t, NULL, &data, e) != 0) || gm_comm_any(false, e) < 0) return -1;
    double wall = gm_seconds(), work = processor();
    if (gm_trainer_update(t, &r, e) != 0) return -1;
    wall = gm_seconds() - wall, work = processor() - work;
    if (gm_comm_sum_double(&work, 1, e) != 0) return -1;
    if (first) printf("%.9g %.9g %.6f %.6f %.6f\n", r.total, r.norm, wall, work, data);
    return 0;
}

typedef enum { END, BATCH, STEP } word;

/* The next word of the input, which the first process reads, in every process. */
static word next(gm_error *e)
{
    char line[100];
    double w = END;
    if (gm_comm_rank() == 0 && fgets(line, sizeof line, stdin))
        w = strcmp(line, "batch\n") == 0 ? BATCH : STEP;
    return gm_comm_sum_double(&w, 1, e) != 0 ? END : (word)w;
}

int main(int argc, char **argv)
{
    gm_error e = { "" };
    gm_train_plan p;
    gm_trainer t = { 0 };
    const gm_train_log log = { say, NULL };
    double seconds;
    gm_calm_threads(argv);
    if (argc != 3) {
        fprintf(stderr, "usage: step CONFIG FILE\n");
        return 2;
    }
    int bad = gm_train_plan_read(&p, argv[1], &e);
    if (!bad) bad = gm_comm_start((int)p.stage[0].processes, &e);
    if (!bad) bad = gm_trainer_open(&t, &p.stage[0], &log, &e);
    for (word w; !bad && (w = next(&e)) != END;) {
        if (w == STEP) {
            bad = step(&t, &e);
        } else if (gm_comm_rank() == 0) {
            bad = batch(&t, argv[2], &seconds, &e);
            if (!bad) puts("batch");
        }
        fflush(stdout);
    }
    if (!bad && e.text[0]) bad = -1;
    if (bad && gm_comm_fail()) fprintf(stderr, "step: %s\n", e.text);
    gm_comm_end();
    gm_trainer_close(&t);
    gm_train_plan_free(&p);
    return bad ? 1 : 0;
}
