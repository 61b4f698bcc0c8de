/* Moves, in blocks and shared out over the threads: they run at the speed of the memory.  Backward
 * a move is another move, added. */
#include "cpu_table.h"
#include "cpu_vec.h"

/* n floats; memcpy wants no NULL even for none. */
static void copy(float *dst, const float *src, int64_t n)
{
    if (n > 0) memcpy(dst, src, (size_t)n * sizeof(float));
}

typedef void (*run1)(float *dst, const float *src, int64_t n);

enum { SIDE = 32 }; /* of a square */

/* y (n, m), rows ldy apart, = or, when add is set, += x (m, n), rows ldx apart, transposed; n and m
 * at most SIDE.  Both are walked along their rows, and only a copy in the first-level cache across:
 * rows a power of two apart would push each other out of it. */
GM_CLONES static void square(float *y, int64_t ldy, const float *x, int64_t ldx, int64_t m,
                             int64_t n, int add)
{
    float copied[SIDE][SIDE + 1];
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) copied[i][j] = x[i * ldx + j];
    for (int64_t j = 0; j < n; j++)
        if (add) for (int64_t i = 0; i < m; i++) y[j * ldy + i] += copied[i][j];
        else for (int64_t i = 0; i < m; i++) y[j * ldy + i] = copied[i][j];
}

/* y (B, C, R) = or += x (B, R, C) transposed. */
static int transpose(float *y, const float *x, int64_t B, int64_t R, int64_t C, int add)
{
    int64_t down = (R + SIDE - 1) / SIDE, across = (C + SIDE - 1) / SIDE;
    #pragma omp parallel for if (B * R * C > CPU_GRAIN)
    for (int64_t t = 0; t < B * across * down; t++) {           /* t: matrix, square */
        int64_t r = t % down * SIDE, c = t / down % across * SIDE, at = t / (down * across) * R * C;
        square(y + at + c * R + r, R, x + at + r * C + c, C, cpu_min(SIDE, R - r),
               cpu_min(SIDE, C - c), add);
    }
    return 0;
}

int cpu_transpose(float *y, const float *x, int64_t B, int64_t R, int64_t C)
{
    return transpose(y, x, B, R, C, 0);
}

int cpu_transpose_backward(float *dx, const float *dy, int64_t B, int64_t R, int64_t C)
{
    return dx ? transpose(dx, dy, B, C, R, 1) : 0;
}

/* Rows of dy looked through at a time, and columns of a task. */
enum { GATHER_ROWS = 128, GATHER_COLUMNS = 32 };

/* Rows of dy that read the same row of x, as chains in order: first[n] says that n begins one,
 * next[n] is the one after n, or 0. */
typedef struct { uint8_t first[GATHER_ROWS], next[GATHER_ROWS]; } chains;

static chains chains_of(const int32_t *rows, int64_t N)
{
    chains c = { { 0 }, { 0 } };
    for (int64_t n = 0; n < N; n++) {
        int64_t m = n - 1;
        while (m >= 0 && rows[m] != rows[n]) m--;
        c.first[n] = m < 0;
        if (m >= 0) c.next[m] = (uint8_t)n;
    }
    return c;
}

/* dx[rows[n]] += the sum of the chain that n begins, over some columns. */
static void gather_run(float *dx, const float *dy, const int32_t *rows, const chains *c, int64_t N,
                       int64_t C, int64_t columns)
{
    for (int64_t n = 0; n < N; n++) {
        float *dst = dx + rows[n] * C;
        double sum[GATHER_COLUMNS];
        if (!c->first[n]) continue;
        for (int64_t i = 0; i < columns; i++) sum[i] = (double)dst[i] + (double)dy[n * C + i];
        for (int64_t m = c->next[n]; m; m = c->next[m])
            for (int64_t i = 0; i < columns; i++) sum[i] += (double)dy[m * C + i];
        for (int64_t i = 0; i < columns; i++) dst[i] = (float)sum[i];
    }
}

/* A row that is read often is summed a block at a time.  Tasks are columns: no two write one
 * place. */
int cpu_gather_backward(float *dx, const float *dy, const int32_t *rows, int64_t N, int64_t R,
                        int64_t C)
{
    int64_t runs = dx ? (C + GATHER_COLUMNS - 1) / GATHER_COLUMNS : 0;
    (void)R;
    for (int64_t at = 0; at < N; at += GATHER_ROWS) {
        int64_t n = cpu_min(GATHER_ROWS, N - at);
        chains c = chains_of(rows + at, n);
        #pragma omp parallel for if (n * C > CPU_GRAIN)
        for (int64_t t = 0; t < runs; t++)
            gather_run(dx + t * GATHER_COLUMNS, dy + at * C + t * GATHER_COLUMNS, rows + at, &c, n,
                       C, cpu_min(GATHER_COLUMNS, C - t * GATHER_COLUMNS));
    }
    return 0;
}

/* y (B, N)[:, to : to + n] = x (B, M)[:, from : from + n], or that added.  Long rows are cut, so
 * that one is shared too. */
static void columns(run1 run, float *y, int64_t N, int64_t to, const float *x, int64_t M,
                    int64_t from, int64_t B, int64_t n)
{
    int64_t cuts = (n + CPU_RUN - 1) / CPU_RUN;
    #pragma omp parallel for if (B * n > CPU_GRAIN)
    for (int64_t t = 0; t < B * cuts; t++) {
        int64_t r = t / cuts, i = t % cuts * CPU_RUN;
        run(y + r * N + to + i, x + r * M + from + i, cpu_min(CPU_RUN, n - i));
    }
}

int cpu_concat(float *y, const float *a, const float *b, int64_t B, int64_t N, int64_t M)
{
    columns(copy, y, N + M, 0, a, N, 0, B, N);
    columns(copy, y, N + M, N, b, M, 0, B, M);
    return 0;
}

int cpu_slice(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M)
{
    columns(copy, y, M, 0, x, N, at, B, M);
    return 0;
}

int cpu_place(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M)
{
    columns(copy, y, N, at, x, M, 0, B, M);
    return 0;
}

int cpu_repeat(float *y, const float *x, int64_t B, int64_t N)
{
    columns(copy, y, N, 0, x, 0, 0, B, N);
    return 0;
}

int cpu_concat_backward(float *da, float *db, const float *dy, int64_t B, int64_t N, int64_t M)
{
    if (da) columns(cpu_accumulate, da, N, 0, dy, N + M, 0, B, N);
    if (db) columns(cpu_accumulate, db, M, 0, dy, N + M, N, B, M);
    return 0;
}

int cpu_slice_backward(float *dx, const float *dy, int64_t B, int64_t N, int64_t at, int64_t M)
{
    if (dx) columns(cpu_accumulate, dx, N, at, dy, M, 0, B, M);
    return 0;
}

int cpu_repeat_backward(float *dx, const float *dy, int64_t B, int64_t N)
{
    if (dx) cpu_column_sums(dx, dy, NULL, B, N);
    return 0;
}

int cpu_fill(float *y, int64_t N, float value)
{
    #pragma omp parallel for if (N > CPU_GRAIN)
    for (int64_t i = 0; i < N; i += CPU_RUN)
        for (int64_t j = i; j < cpu_min(N, i + CPU_RUN); j++) y[j] = value;
    return 0;
}

GM_CLONES static void round_bf16_run(float *restrict dx, const float *dy, int64_t n)
{
    for (int64_t i = 0; i < n; i++) dx[i] += gm_from_bf16(gm_to_bf16(dy[i]));
}

int cpu_round_bf16_backward(float *dx, const float *dy, int64_t N)
{
    #pragma omp parallel for if (N > CPU_GRAIN)
    for (int64_t i = 0; i < (dx ? N : 0); i += CPU_RUN)
        round_bf16_run(dx + i, dy + i, cpu_min(CPU_RUN, N - i));
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

/* Both ways between windows and the map: a run of S pixels or less at a time, `into` the windows or
 * out of them. */
static int runs(run1 run, int into, float *y, const float *x, int64_t B, int64_t H, int64_t W,
                int64_t C, int64_t S)
{
    int64_t nh = (H + S - 1) / S, nw = (W + S - 1) / S;
    #pragma omp parallel for if (B * H * W * C > CPU_GRAIN)
    for (int64_t t = 0; t < B * H * nw; t++) {                  /* t: image, row, window across */
        int64_t column = t % nw * S, row = t / nw % H, b = t / (nw * H);
        int64_t window = (b * nh + row / S) * nw + t % nw;
        int64_t on_map = ((b * H + row) * W + column) * C, inside = (window * S + row % S) * S * C;
        run(y + (into ? inside : on_map), x + (into ? on_map : inside),
            cpu_min(S, W - column) * C);
    }
    return 0;
}

int cpu_unwindow(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C, int64_t S)
{
    return runs(copy, 0, y, x, B, H, W, C, S);
}

int cpu_window_backward(float *dx, const float *dy, int64_t B, int64_t H, int64_t W, int64_t C,
                        int64_t S)
{
    return dx ? runs(cpu_accumulate, 0, dx, dy, B, H, W, C, S) : 0;
}

int cpu_unwindow_backward(float *dx, const float *dy, int64_t B, int64_t H, int64_t W, int64_t C,
                          int64_t S)
{
    return dx ? runs(cpu_accumulate, 1, dx, dy, B, H, W, C, S) : 0;
}
