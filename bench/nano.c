/* The shipped model: start of the program to the overlay on disk, and where time and memory go. */
#include <stdio.h>
#include <string.h>
#include "bench.h"
#include "../io/os.h"

static const char PROGRAM[] = "build/glamm", MODEL[] = "models/nano",
                  IMAGE[] = "golden/nano/scenes/demo.png", OUT[] = "build/bench-out";

/* Peak memory after each stage, as the library reports stages. */
typedef struct { const char *stage; double mb; } stage_peak;
typedef struct { stage_peak row[8]; int n; } stage_peaks;

static double peak_mb(void) { return (double)gm_peak_rss() / (1 << 20); }

static void note_peak(void *user, const char *stage, double done)
{
    stage_peaks *p = user;
    (void)done;
    if (!p->n || strcmp(p->row[p->n - 1].stage, stage)) {
        if (p->n == 8) return;
        p->row[p->n++].stage = stage;
    }
    p->row[p->n - 1].mb = peak_mb();
}

/* "open 0.003 s 12 MB, clip ..." of one question asked through the library. */
static int stages(bench_result *r)
{
    gm_error e = { "" };
    gm_image image = { 0, 0, NULL };
    stage_peaks peaks = { .n = 0 };
    double start = gm_seconds();
    gm_model *m = gm_model_open(MODEL, NULL, &e);
    int n = snprintf(r->note, sizeof r->note, "open %.3f s %.0f MB", gm_seconds() - start,
                     peak_mb());
    int bad = !m || gm_image_read(&image, IMAGE, &e);
    gm_session *s = bad ? NULL : gm_session_new(m, &image, &e);
    gm_ask ask = { .task = GM_GCG, .on_stage = note_peak, .user = &peaks };
    gm_answer *a = s ? gm_session_ask(s, &ask, &e) : NULL;
    for (int i = 0; a && i < a->ntimings && n < (int)sizeof r->note - 60; i++) {
        n += snprintf(r->note + n, sizeof r->note - (size_t)n, ", %.20s %.3f s", a->timing[i].stage,
                      a->timing[i].seconds);
        for (int k = 0; k < peaks.n; k++)
            if (!strcmp(peaks.row[k].stage, a->timing[i].stage))
                n += snprintf(r->note + n, sizeof r->note - (size_t)n, " %.0f MB", peaks.row[k].mb);
    }
    if (!a) snprintf(r->note, sizeof r->note, "%.390s", e.text);
    bad = !a;
    gm_answer_free(a);
    gm_session_free(s);
    gm_image_free(&image);
    gm_model_free(m);
    return bad ? -1 : 0;
}

int bench_nano(bench_result *r, bool quick)
{
    enum { N = 5 };
    double seconds[N];
    char *argv[] = { (char *)PROGRAM, "run",   (char *)MODEL, (char *)IMAGE,
                     "--redo",        "--out", (char *)OUT,   NULL };
    (void)quick;
    if (!gm_is_file(PROGRAM) || !gm_is_file(IMAGE)) {
        snprintf(r->note, sizeof r->note, "wanted %s and %s: not there", PROGRAM, IMAGE);
        return -1;
    }
    for (int i = 0; i < N; i++) {
        bench_result one = { 0 };
        if (bench_program(argv, &one)) {
            snprintf(r->note, sizeof r->note, "%s run %s %s failed", PROGRAM, MODEL, IMAGE);
            return -1;
        }
        seconds[i] = one.seconds;
        r->peak_mb = one.peak_mb;
    }
    r->seconds = bench_median(seconds, N);
    r->target = 1;
    return stages(r);
}
