/* Moves, in blocks and shared out over the threads: they run at the speed of the memory. */
#include "cpu_table.h"
#include "cpu_vec.h"

/* n floats; memcpy wants no NULL even for none. */
static void copy(float *dst, const float *src, int64_t n)
{
    if (n > 0) memcpy(dst, src, (size_t)n * sizeof(float));
}

int cpu_transpose(float *y, const float *x, int64_t B, int64_t R, int64_t C)
{
    enum { SIDE = 32 }; /* two squares fit the first-level cache */
    int64_t down = (R + SIDE - 1) / SIDE, across = (C + SIDE - 1) / SIDE;
    #pragma omp parallel for if (B * R * C > CPU_GRAIN)
    for (int64_t t = 0; t < B * across * down; t++) {           /* t: matrix, square */
        int64_t r0 = t % down * SIDE, c0 = t / down % across * SIDE,
                at = t / (down * across) * R * C;
        int64_t r1 = cpu_min(R, r0 + SIDE), c1 = cpu_min(C, c0 + SIDE);
        for (int64_t c = c0; c < c1; c++)
            for (int64_t r = r0; r < r1; r++) y[at + c * R + r] = x[at + r * C + c];
    }
    return 0;
}

/* y (B, N)[:, to : to + n] = x (B, M)[:, from : from + n].  Long rows are cut, so that one is
 * shared too. */
static void copy_columns(float *y, int64_t N, int64_t to, const float *x, int64_t M, int64_t from,
                         int64_t B, int64_t n)
{
    int64_t cuts = (n + CPU_RUN - 1) / CPU_RUN;
    #pragma omp parallel for if (B * n > CPU_GRAIN)
    for (int64_t t = 0; t < B * cuts; t++) {
        int64_t r = t / cuts, i = t % cuts * CPU_RUN;
        copy(y + r * N + to + i, x + r * M + from + i, cpu_min(CPU_RUN, n - i));
    }
}

int cpu_concat(float *y, const float *a, const float *b, int64_t B, int64_t N, int64_t M)
{
    copy_columns(y, N + M, 0, a, N, 0, B, N);
    copy_columns(y, N + M, N, b, M, 0, B, M);
    return 0;
}

int cpu_slice(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M)
{
    copy_columns(y, M, 0, x, N, at, B, M);
    return 0;
}

int cpu_place(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M)
{
    copy_columns(y, N, at, x, M, 0, B, M);
    return 0;
}

int cpu_repeat(float *y, const float *x, int64_t B, int64_t N)
{
    copy_columns(y, N, 0, x, 0, 0, B, N);
    return 0;
}

int cpu_window(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C, int64_t S)
{
    int64_t nh = (H + S - 1) / S, nw = (W + S - 1) / S;
    #pragma omp parallel for if (B * H * W * C > CPU_GRAIN)
    for (int64_t t = 0; t < B * nh * nw * S; t++) {             /* t: window, row inside it */
        int64_t window = t / S, row = window / nw % nh * S + t % S, column = window % nw * S;
        int64_t inside = row < H ? cpu_min(S, W - column) : 0;
        copy(y + t * S * C, x + ((window / (nh * nw) * H + row) * W + column) * C, inside * C);
        memset(y + (t * S + inside) * C, 0, (size_t)((S - inside) * C) * sizeof(float));
    }
    return 0;
}

int cpu_unwindow(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C, int64_t S)
{
    int64_t nh = (H + S - 1) / S, nw = (W + S - 1) / S;
    #pragma omp parallel for if (B * H * W * C > CPU_GRAIN)
    for (int64_t t = 0; t < B * H * nw; t++) {                  /* t: image, row, window across */
        int64_t column = t % nw * S, row = t / nw % H, b = t / (nw * H);
        int64_t window = (b * nh + row / S) * nw + t % nw;
        copy(y + ((b * H + row) * W + column) * C, x + (window * S + row % S) * S * C,
             cpu_min(S, W - column) * C);
    }
    return 0;
}
