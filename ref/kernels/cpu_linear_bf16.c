/* Linear with bfloat16 activations: where w is bf16, x is rounded to it (nearest even) first; other
 * weights are as before.  Many rows through the processor's own product where it has one; sums are
 * float32 in all cases. */
#include <omp.h>
#include "cpu_few.h"
#include "cpu_product.h"
#include "cpu_table.h"
#include "cpu_vec.h"

static const cpu_products *product_for(int64_t R)
{
    return R > CPU_FEW ? cpu_best_products() : NULL;
}

/* The processor has its own product for R rows. */
static int has_few(int64_t R, int64_t N)
{
    return R > 1 && R <= CPU_FEW && N >= CPU_LANES && cpu_best_few16();
}

size_t cpu_tile_bytes(int64_t R, int64_t K)
{
    int64_t rows = (R + CPU_TILE - 1) / CPU_TILE * CPU_TILE;
    return (size_t)(rows * ((K + 1) / 2)) * sizeof(uint32_t);
}

/* y (K / 2 pairs) = x (K), rounded to nearest even as gm_to_bf16 does, without its branch. */
GM_CLONES static void round_pairs(uint32_t *restrict y, const float *restrict x, int64_t pairs)
{
    for (int64_t i = 0; i < pairs; i++) {
        uint32_t a = gm_bits_of_float(x[2 * i]), b = gm_bits_of_float(x[2 * i + 1]);
        uint32_t ra = (a + 0x7fff + (a >> 16 & 1)) >> 16, rb = b + 0x7fff + (b >> 16 & 1);
        ra = (a & 0x7fffffff) > 0x7f800000 ? a >> 16 | 0x40 : ra;
        rb = (b & 0x7fffffff) > 0x7f800000 ? b | 0x400000 : rb;
        y[i] = ra | (rb & 0xffff0000);
    }
}

/* Pairs of a run of one row, CPU_TILE words apart; x has n elements there. */
static void tile_run(uint32_t *y, const float *x, int64_t n)
{
    uint32_t pair[CPU_DEPTH / 2];
    round_pairs(pair, x, n / 2);
    if (n % 2) pair[n / 2] = gm_to_bf16(x[n - 1]);
    for (int64_t i = 0; i < (n + 1) / 2; i++) y[i * CPU_TILE] = pair[i];
}

void cpu_tile_rows(void *tiled, const float *x, int64_t R, int64_t K)
{
    uint32_t *y = tiled;
    int64_t tiles = (R + CPU_TILE - 1) / CPU_TILE;
    #pragma omp parallel for if (R * K > CPU_GRAIN)
    for (int64_t t = 0; t < tiles; t++)
        for (int64_t k = 0; k < K; k += CPU_DEPTH) {
            int64_t n = cpu_min(CPU_DEPTH, K - k), pairs = (n + 1) / 2;
            uint32_t *to = y + (k / 2 * tiles + t * pairs) * CPU_TILE;
            for (int64_t i = 0; i < CPU_TILE; i++) {
                int64_t r = t * CPU_TILE + i;
                if (r < R) tile_run(to + i, x + r * K + k, n);
                else for (int64_t p = 0; p < pairs; p++) to[p * CPU_TILE + i] = 0;
            }
        }
}

static size_t up64(size_t bytes) { return (bytes + 63) / 64 * 64; }

/* Rows of y are far apart, and the processor does not see the next one coming. */
void cpu_place_panel(float *y, const float *out, const float *b, int64_t R, int64_t N, int64_t n)
{
    enum { AHEAD = 12 };
    int64_t columns = cpu_min(CPU_PANEL, N - n);
    for (int64_t r = 0; r < R; r++) {
        for (int64_t i = 0; i < columns && r + AHEAD < R; i += 16)
            GM_PREFETCH(&y[(r + AHEAD) * N + n + i], 1);
        for (int64_t i = 0; i < columns; i++)
            y[r * N + n + i] = out[r * CPU_PANEL + i] + (b ? b[n + i] : 0);
    }
}

size_t cpu_panels_bytes(int64_t R)
{
    return (size_t)(omp_get_max_threads() * cpu_panel_size(R)) * sizeof(float);
}

size_t cpu_linear_bf16_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K)
{
    if (wt != GM_BF16) return cpu_linear_scratch(wt, R, N, K);
    if (has_few(R, N)) return (size_t)cpu_few_words(R, (K + 1) / 2) * sizeof(int32_t);
    if (product_for(R)) return up64(product_for(R)->bytes(R, K)) + cpu_panels_bytes(R);
    return up64((size_t)(R * K) * sizeof(float)) + cpu_linear_scratch(wt, R, N, K);
}

int cpu_linear_bf16(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                    int64_t N, int64_t K, void *scratch)
{
    if (wt != GM_BF16) return cpu_linear(y, x, w, wt, b, R, N, K, scratch);
    const cpu_products *best = product_for(R);
    if (has_few(R, N)) {
        cpu_linear_few16(y, x, w, b, R, N, K, scratch);
        return 0;
    }
    if (!best) {
        float *rounded = scratch;
        for (int64_t i = 0; i < R * K; i++) rounded[i] = gm_from_bf16(gm_to_bf16(x[i]));
        return cpu_linear(y, rounded, w, wt, b, R, N, K, rounded + (R * K + 15) / 16 * 16);
    }
    best->pack(scratch, x, R, K);
    float *out = (float *)((char *)scratch + up64(best->bytes(R, K)));
    #pragma omp parallel for if (R * N * K > 2 * CPU_GRAIN)
    for (int64_t n = 0; n < N; n += CPU_PANEL) {
        float *mine = out + omp_get_thread_num() * cpu_panel_size(R);
        best->bf16(mine, scratch, (const uint16_t *)w + n * K, R, cpu_min(CPU_PANEL, N - n), K);
        cpu_place_panel(y, mine, b, R, N, n);
    }
    return 0;
}

const gm_kernels *gm_kernels_cpu_bf16(void)
{
    static const gm_kernels table = {
        .name = "cpu-bf16", .linear = cpu_linear_bf16, .linear_scratch = cpu_linear_bf16_scratch
    };
    return &table;
}
