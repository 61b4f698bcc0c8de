/* Drawn training samples: how many a second, beside writing their pictures. */
#include <stdio.h>
#include "bench.h"
#include "../io/os.h"
#include "../train/shapes.h"

/* Seconds for n grounded captions of a world; with a path each picture is also written there. */
static double draw(gm_shapes_world world, int64_t n, const char *path, gm_error *e)
{
    double start = gm_seconds();
    for (int64_t i = 0; i < n && !e->text[0]; i++) {
        gm_sample s;
        if (gm_shapes_sample(&s, 1, i, GM_SHAPES_GCG, world, 0, 0, e) != 0) break;
        if (path) gm_png_write(path, s.image.rgb, s.image.width, s.image.height, 3, e);
        gm_sample_free(&s);
    }
    return gm_seconds() - start;
}

int bench_shapes(bench_result *r, bool quick)
{
    enum { ROUNDS = 5 };
    int64_t n = quick ? 100 : 400;
    double a[ROUNDS], b[ROUNDS], png[ROUNDS];
    gm_error e = { "" };
    for (int i = 0; i < ROUNDS; i++) {
        a[i] = draw(GM_SHAPES_A, n, NULL, &e) / (double)n;
        b[i] = draw(GM_SHAPES_B, n, NULL, &e) / (double)n;
        png[i] = draw(GM_SHAPES_A, n / 8, "build/bench-shapes.png", &e) / (double)(n / 8) / a[i];
    }
    r->seconds = bench_median(a, ROUNDS);
    snprintf(r->note, sizeof r->note, "%.0f samples/s of world a, %.0f of world b; with the PNG "
             "written, %.1f times as long", 1 / r->seconds, 1 / bench_median(b, ROUNDS),
             bench_median(png, ROUNDS));
    if (e.text[0]) snprintf(r->note, sizeof r->note, "%.390s", e.text);
    return e.text[0] ? -1 : 0;
}
