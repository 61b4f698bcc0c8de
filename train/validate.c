/* See validate.h. */
#include "validate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/image.h"
#include "../io/os.h"
#include "comm.h"

enum { MOST_NEW = 128 };                /* tokens of a drawn answer */

/* Over the processes. */
static int sum_up(gm_train_report *r, double *masked, gm_error *e)
{
    double sum[] = { r->total, r->ce, r->bce, r->dice, (double)r->samples, (double)r->tokens,
                     *masked };
    if (gm_comm_sum_double(sum, sizeof sum / sizeof *sum, e) != 0) return -1;
    r->total = sum[0], r->ce = sum[1], r->bce = sum[2], r->dice = sum[3];
    r->samples = (int64_t)sum[4], r->tokens = (int64_t)sum[5], *masked = sum[6];
    return 0;
}

int gm_validate(gm_trainer *t, gm_train_report *r, gm_error *e)
{
    int64_t n = gm_data_size(t->val), used = 0;
    double masked = 0;
    double start = gm_seconds();
    *r = (gm_train_report){ .kind = GM_SET_SEGM };
    for (int64_t i = 0; i < n && used < t->o->val_samples; i++) {
        gm_sample s;
        gm_train_report one;
        if (gm_data_record(t->val, i, &s, NULL) != GM_PROBLEM_NONE) continue;
        bool mine = used++ % gm_comm_size() == gm_comm_rank();
        int bad = mine ? gm_trainer_measure(t, &s, 1, &one, e) : 0;
        gm_sample_free(&s);
        if (bad) return -1;
        if (!mine) continue;
        masked += one.bce != 0;
        r->total += one.total, r->ce += one.ce, r->bce += one.bce, r->dice += one.dice;
        r->samples += one.samples, r->tokens += one.tokens;
    }
    if (!used) return gm_fail(e, "val: none of the %lld records can be used", (long long)n);
    if (sum_up(r, &masked, e) != 0) return -1;
    r->total /= (double)used, r->ce /= (double)used;
    r->bce /= fmax(1, masked), r->dice /= fmax(1, masked);
    r->seconds = gm_seconds() - start;
    return 0;
}

static int write_text(const char *path, const gm_sample *s, const gm_answer *a, gm_error *e)
{
    gm_writer w;
    if (gm_create(&w, path, e) != 0) return -1;
    fprintf(w.file, "%s\n\nQ: %s\n\nwanted: %s\n\nfound:  %s\n", s->source, s->turn[0], s->turn[1],
            a->text);
    return gm_commit(&w, e);
}

/* The boxes that the first question speaks of, in pixels. */
static int64_t first_boxes(const gm_sample *s, double (*box)[4])
{
    int64_t n = 0;
    for (const char *p = s->turn[0]; (p = strstr(p, "<bbox>")) && n < s->boxes; p += 6, n++)
        for (int k = 0; k < 4; k++)
            box[n][k] = s->box[n][k] * (double)(k % 2 ? s->image.height : s->image.width);
    return n;
}

static int draw_one(gm_trainer *t, const gm_sample *s, const char *stem, gm_error *e)
{
    char path[1100];
    double (*box)[4] = calloc((size_t)s->boxes + 1, sizeof *box);
    gm_session *session = box ? gm_session_new(t->m, &s->image, e) : NULL;
    gm_answer *a = NULL;
    if (session) {
        gm_ask q = { .task = GM_CHAT, .boxes = (const double (*)[4])box,
                     .nboxes = first_boxes(s, box), .max_new_tokens = MOST_NEW };
        a = gm_session_say(session, &q, s->turn[0], e);
    }
    int bad = a ? 0 : gm_fail(e, "out of memory");
    snprintf(path, sizeof path, "%.1000s.png", stem);
    if (!bad) bad = gm_overlay_write(path, &s->image, a, (const double (*)[4])box,
                                     first_boxes(s, box), e);
    snprintf(path, sizeof path, "%.1000s.txt", stem);
    if (!bad) bad = write_text(path, s, a, e);
    gm_answer_free(a);
    gm_session_free(session);
    free(box);
    return bad;
}

int gm_validate_draw(gm_trainer *t, const char *folder, gm_error *e)
{
    int64_t n = gm_data_size(t->val), drawn = 0;
    int bad = t->o->pictures ? gm_make_dir(folder, e) : 0;
    gm_params_dropout(&t->ps, -1);
    for (int64_t i = 0; !bad && i < n && drawn < t->o->pictures; i++) {
        gm_sample s;
        char stem[1024];
        if (gm_data_record(t->val, i, &s, NULL) != GM_PROBLEM_NONE) continue;
        if (s.turns && (s.masks || s.boxes)) {
            snprintf(stem, sizeof stem, "%.980s/%08lld-%lld", folder, (long long)t->update,
                     (long long)drawn++);
            bad = draw_one(t, &s, stem, e);
        }
        gm_sample_free(&s);
    }
    return bad;
}
