/* Products of quantised rows with x (blocks * GM_BLOCK floats), by what the processor can do. */
#ifndef GM_CPU_DOTS_H
#define GM_CPU_DOTS_H
#include <stdint.h>

typedef float (*cpu_dot)(const uint8_t *w, const float *x, int64_t blocks);
typedef struct { const char *name; cpu_dot q8_0, q4_0, q4_1; } cpu_dots;

/* The best of this processor's, NULL when plain C is (x86_dots.c; x86_none.c elsewhere). */
const cpu_dots *cpu_dots_x86(void);
/* x86_avx512.c, x86_avx2.c */
extern const cpu_dots cpu_dots_avx512, cpu_dots_avx2;

#endif
