/* libglamm in one page: which pixels are "the red ball"?
 *
 *     cc segment.c $(pkg-config --cflags --libs glamm) -o segment
 *     ./segment models/nano photo.png mask.pgm "the red ball"
 *
 * Without an expression the model describes the image, and the first thing it marks is written. */
#include <stdio.h>
#include "glamm.h"

/* White where the object is: a PGM file, and a small picture of letters. */
static int show(const gm_answer *a, const char *path)
{
    const float *logit = a->mask[0].logits;
    FILE *f = fopen(path, "wb");
    if (!f) return perror(path), 1;
    fprintf(f, "P5\n%lld %lld\n255\n", (long long)a->width, (long long)a->height);
    for (int64_t i = 0; i < a->width * a->height; i++) fputc(logit[i] > 0 ? 255 : 0, f);
    for (int64_t row = 0; row < 24; row++) {
        for (int64_t column = 0; column < 64; column++) {
            int64_t y = row * a->height / 24, x = column * a->width / 64;
            putchar(logit[y * a->width + x] > 0 ? '#' : '.');
        }
        putchar('\n');
    }
    return fclose(f) ? (perror(path), 1) : 0;
}

int main(int argc, char **argv)
{
    gm_error e = { "" };
    gm_image image = { 0 };
    gm_session *session = NULL;
    gm_answer *answer = NULL;
    int status = 1;
    if (argc < 4) return fprintf(stderr, "usage: segment MODEL IMAGE MASK.pgm [EXPRESSION]\n"), 2;

    gm_ask question = { .task = argc > 4 ? GM_REFER : GM_GCG, .text = argc > 4 ? argv[4] : NULL };
    gm_model *model = gm_model_open(argv[1], NULL, &e);
    if (model && gm_image_read(&image, argv[2], &e) == 0)
        session = gm_session_new(model, &image, &e);
    if (session) answer = gm_session_ask(session, &question, &e);
    if (answer && answer->nmasks > 0) {
        printf("%s\n", answer->caption);
        status = show(answer, argv[3]);
    } else {
        fprintf(stderr, "segment: %s\n", answer ? "the model marked nothing" : e.text);
    }
    gm_answer_free(answer);
    gm_session_free(session);
    gm_image_free(&image);
    gm_model_free(model);
    return status;
}
