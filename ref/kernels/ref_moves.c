/* Oracle: moves.  No arithmetic but the widening of 16-bit elements and round_bf16. */
#include "ref_table.h"
#include "typed.h"

int ref_gather(float *y, const void *x, gm_dtype xt, const int32_t *rows, int64_t N, int64_t R,
               int64_t C)
{
    (void)R;
    if (!gm_is_matrix_type(xt, C)) return 1;
    for (int64_t n = 0; n < N; n++)
        for (int64_t c = 0; c < C; c++)
            y[n * C + c] = gm_typed(x, xt, rows[n] * C + c);
    return 0;
}

/* Each row of dx adds up the rows of dy that were read from it; they lie between first and last. */
int ref_gather_backward(float *dx, const float *dy, const int32_t *rows, int64_t N, int64_t R,
                        int64_t C)
{
    if (!dx) return 0;
    #pragma omp parallel for
    for (int64_t r = 0; r < R; r++) {
        int64_t first = N, last = -1;
        for (int64_t n = 0; n < N; n++)
            if (rows[n] == r) {
                if (last < 0) first = n;
                last = n;
            }
        for (int64_t c = 0; last >= 0 && c < C; c++) {
            double sum = 0;
            for (int64_t n = first; n <= last; n++)
                if (rows[n] == r) sum += dy[n * C + c];
            dx[r * C + c] = (float)(dx[r * C + c] + sum);
        }
    }
    return 0;
}

int ref_transpose(float *y, const float *x, int64_t B, int64_t R, int64_t C)
{
    for (int64_t b = 0; b < B; b++)
        for (int64_t r = 0; r < R; r++)
            for (int64_t c = 0; c < C; c++)
                y[(b * C + c) * R + r] = x[(b * R + r) * C + c];
    return 0;
}

int ref_transpose_backward(float *dx, const float *dy, int64_t B, int64_t R, int64_t C)
{
    if (!dx) return 0;
    for (int64_t b = 0; b < B; b++)
        for (int64_t r = 0; r < R; r++)
            for (int64_t c = 0; c < C; c++) dx[(b * R + r) * C + c] += dy[(b * C + c) * R + r];
    return 0;
}

int ref_concat(float *y, const float *a, const float *b, int64_t B, int64_t N, int64_t M)
{
    for (int64_t r = 0; r < B; r++) {
        for (int64_t i = 0; i < N; i++) y[r * (N + M) + i] = a[r * N + i];
        for (int64_t i = 0; i < M; i++) y[r * (N + M) + N + i] = b[r * M + i];
    }
    return 0;
}

int ref_concat_backward(float *da, float *db, const float *dy, int64_t B, int64_t N, int64_t M)
{
    for (int64_t r = 0; r < B; r++) {
        for (int64_t i = 0; da && i < N; i++) da[r * N + i] += dy[r * (N + M) + i];
        for (int64_t i = 0; db && i < M; i++) db[r * M + i] += dy[r * (N + M) + N + i];
    }
    return 0;
}

int ref_slice(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M)
{
    for (int64_t r = 0; r < B; r++)
        for (int64_t i = 0; i < M; i++) y[r * M + i] = x[r * N + at + i];
    return 0;
}

int ref_slice_backward(float *dx, const float *dy, int64_t B, int64_t N, int64_t at, int64_t M)
{
    if (!dx) return 0;
    for (int64_t r = 0; r < B; r++)
        for (int64_t i = 0; i < M; i++) dx[r * N + at + i] += dy[r * M + i];
    return 0;
}

int ref_place(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M)
{
    for (int64_t r = 0; r < B; r++)
        for (int64_t i = 0; i < M; i++) y[r * N + at + i] = x[r * M + i];
    return 0;
}

int ref_repeat(float *y, const float *x, int64_t B, int64_t N)
{
    for (int64_t r = 0; r < B; r++)
        for (int64_t i = 0; i < N; i++) y[r * N + i] = x[i];
    return 0;
}

int ref_repeat_backward(float *dx, const float *dy, int64_t B, int64_t N)
{
    if (!dx) return 0;
    for (int64_t i = 0; i < N; i++) {
        double sum = 0;
        for (int64_t r = 0; r < B; r++) sum += dy[r * N + i];
        dx[i] = (float)(dx[i] + sum);
    }
    return 0;
}

/* segment_anything image_encoder.py, window_partition */
int ref_window(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C, int64_t S)
{
    int64_t nh = (H + S - 1) / S, nw = (W + S - 1) / S;
    for (int64_t o = 0; o < B * nh * nw * S * S;
         o++) { /* o: window, then row and column inside it */
        int64_t j = o % S, i = o / S % S, window = o / (S * S);
        int64_t row = window / nw % nh * S + i, column = window % nw * S + j,
                b = window / (nh * nw);
        for (int64_t c = 0; c < C; c++)
            y[o * C + c] = row < H && column < W ? x[((b * H + row) * W + column) * C + c] : 0;
    }
    return 0;
}

/* What the padding's gradient was is lost: nothing was read there. */
int ref_window_backward(float *dx, const float *dy, int64_t B, int64_t H, int64_t W, int64_t C,
                        int64_t S)
{
    int64_t nh = (H + S - 1) / S, nw = (W + S - 1) / S;
    if (!dx) return 0;
    for (int64_t b = 0; b < B; b++)
        for (int64_t row = 0; row < H; row++)
            for (int64_t column = 0; column < W; column++) {
                int64_t window = (b * nh + row / S) * nw + column / S;
                int64_t from = (window * S + row % S) * S + column % S;
                for (int64_t c = 0; c < C; c++)
                    dx[((b * H + row) * W + column) * C + c] += dy[from * C + c];
            }
    return 0;
}

/* segment_anything image_encoder.py, window_unpartition */
int ref_unwindow(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C, int64_t S)
{
    int64_t nh = (H + S - 1) / S, nw = (W + S - 1) / S;
    for (int64_t b = 0; b < B; b++)
        for (int64_t row = 0; row < H; row++)
            for (int64_t column = 0; column < W; column++) {
                int64_t window = (b * nh + row / S) * nw + column / S;
                int64_t from = (window * S + row % S) * S + column % S;
                for (int64_t c = 0; c < C; c++)
                    y[((b * H + row) * W + column) * C + c] = x[from * C + c];
            }
    return 0;
}

/* The padding was dropped: its gradient is 0. */
int ref_unwindow_backward(float *dx, const float *dy, int64_t B, int64_t H, int64_t W, int64_t C,
                          int64_t S)
{
    int64_t nh = (H + S - 1) / S, nw = (W + S - 1) / S;
    if (!dx) return 0;
    for (int64_t b = 0; b < B; b++)
        for (int64_t row = 0; row < H; row++)
            for (int64_t column = 0; column < W; column++) {
                int64_t window = (b * nh + row / S) * nw + column / S;
                int64_t to = (window * S + row % S) * S + column % S;
                for (int64_t c = 0; c < C; c++)
                    dx[to * C + c] += dy[((b * H + row) * W + column) * C + c];
            }
    return 0;
}

int ref_round_bf16(float *y, const float *x, int64_t N)
{
    for (int64_t i = 0; i < N; i++) y[i] = gm_from_bf16(gm_to_bf16(x[i]));
    return 0;
}

int ref_round_bf16_backward(float *dx, const float *dy, int64_t N)
{
    if (!dx) return 0;
    for (int64_t i = 0; i < N; i++) dx[i] += gm_from_bf16(gm_to_bf16(dy[i]));
    return 0;
}

int ref_fill(float *y, int64_t N, float value)
{
    for (int64_t i = 0; i < N; i++) y[i] = value;
    return 0;
}
