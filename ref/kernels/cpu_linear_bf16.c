/* Linear with bfloat16 activations: where w is bf16, x is rounded to it (nearest even) first; other
 * weights are as before.  Many rows through the processor's own product where it has one; sums are
 * float32 in all cases. */
#include "cpu_dots.h"
#include "cpu_product.h"
#include "cpu_table.h"
#include "cpu_vec.h"

/* Up to so many rows the weights' reading takes longer than their product. */
enum { FEW_ROWS = 4 };

static const cpu_products *product_for(int64_t R)
{
    return R > FEW_ROWS ? cpu_products_x86() : NULL;
}

/* x's pair p of row r, rounded; what lies outside of x is 0. */
static inline uint32_t pair_of(const float *x, int64_t R, int64_t K, int64_t r, int64_t p)
{
    if (r >= R) return 0;
    const float *at = x + r * K + 2 * p;
    uint32_t high = 2 * p + 1 < K ? gm_to_bf16(at[1]) : 0;
    return gm_to_bf16(at[0]) | high << 16;
}

/* y: runs of CPU_DEPTH columns, in them tiles of CPU_TILE rows, in them pairs, in them rows. */
static void tile_rows(uint32_t *y, const float *x, int64_t R, int64_t K)
{
    int64_t tiles = (R + CPU_TILE - 1) / CPU_TILE, run = CPU_DEPTH / 2, pairs = cpu_pairs(K);
    #pragma omp parallel for if (R * K > CPU_GRAIN)
    for (int64_t t = 0; t < tiles; t++)
        for (int64_t first = 0; first < pairs; first += run) {
            int64_t n = cpu_min(run, pairs - first);
            uint32_t *to = y + (first * tiles + t * n) * CPU_TILE;
            for (int64_t i = 0; i < n * CPU_TILE; i++)
                to[i] = pair_of(x, R, K, t * CPU_TILE + i % CPU_TILE, first + i / CPU_TILE);
        }
}

static void start(float *y, const float *b, int64_t R, int64_t N)
{
    #pragma omp parallel for if (R * N > CPU_GRAIN)
    for (int64_t r = 0; r < R; r++)
        for (int64_t n = 0; n < N; n++) y[r * N + n] = b ? b[n] : 0;
}

size_t cpu_linear_bf16_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K)
{
    if (wt != GM_BF16) return cpu_linear_scratch(wt, R, N, K);
    if (product_for(R)) return cpu_tile_bytes(R, K);
    return ((size_t)(R * K) * sizeof(float) + 63) / 64 * 64 + cpu_linear_scratch(wt, R, N, K);
}

int cpu_linear_bf16(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                    int64_t N, int64_t K, void *scratch)
{
    if (wt != GM_BF16) return cpu_linear(y, x, w, wt, b, R, N, K, scratch);
    const cpu_products *best = product_for(R);
    if (!best) {
        float *rounded = scratch;
        for (int64_t i = 0; i < R * K; i++) rounded[i] = gm_from_bf16(gm_to_bf16(x[i]));
        return cpu_linear(y, rounded, w, wt, b, R, N, K, rounded + (R * K + 15) / 16 * 16);
    }
    tile_rows(scratch, x, R, K);
    start(y, b, R, N);
    #pragma omp parallel for if (R * N * K > 2 * CPU_GRAIN)
    for (int64_t n = 0; n < N; n += CPU_PANEL) best->bf16(y, scratch, w, R, N, K, n);
    return 0;
}

const gm_kernels *gm_kernels_cpu_bf16(void)
{
    static const gm_kernels table = {
        .name = "cpu-bf16", .linear = cpu_linear_bf16, .linear_scratch = cpu_linear_bf16_scratch
    };
    return &table;
}
