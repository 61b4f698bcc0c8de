/* What both widths of vectors know of blocks of 256 (typed.h). */
#ifndef GM_X86_K_H
#define GM_X86_K_H
#include <immintrin.h>
#include "cpu_dots.h"
#include "typed.h"

enum { Q4 = 144, Q5 = 176, Q6 = 210, AHEAD = 4096 };

static inline void prefetch(const uint8_t *w)
{
    _mm_prefetch((const char *)w + AHEAD, _MM_HINT_T0);
    _mm_prefetch((const char *)w + AHEAD + 64, _MM_HINT_T0);
    _mm_prefetch((const char *)w + AHEAD + 128, _MM_HINT_T0);
}

#endif
