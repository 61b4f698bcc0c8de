/* See schedule.h. */
#include "schedule.h"

#include <math.h>

const char gm_schedule_words[] = "constant|warmup_decay|cosine|hold_cosine";

static const double PI = 3.14159265358979323846;

static double warmup_decay(const gm_schedule *s, int64_t i)
{
    if (i < s->warmup) return s->lr * (double)i / (double)s->warmup;
    int64_t left = s->total - i, span = s->total - s->warmup;
    if (left <= 0) return 0;
    return s->lr * (double)left / (double)(span > 0 ? span : 1);
}

double gm_schedule_rate(const gm_schedule *s, int64_t i)
{
    if (s->kind == GM_WARMUP_DECAY) return warmup_decay(s, i);
    double up = i + 1 < s->warmup ? (double)(i + 1) / (double)s->warmup : 1, f = 1;
    double from = s->kind == GM_COSINE ? (double)s->warmup : s->hold * (double)s->total;
    double done = ((double)i - from) / fmax(1, (double)s->total - from);
    done = fmin(fmax(done, 0), 1);
    if (s->kind == GM_COSINE) f = s->floor + (1 - s->floor) * (1 + cos(PI * done)) / 2;
    if (s->kind == GM_HOLD_COSINE) f = fmax(s->floor, cos(done * PI / 2));
    return s->lr * up * f;
}
