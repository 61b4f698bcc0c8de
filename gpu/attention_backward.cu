/* Gradients of softmax and attention.  See ref/kernels.h and ref/kernels/ref_attention.c: of
 * query i with the keys j that it sees, P = softmax of the scores, dP = dy . v_j, D = sum of P dP
 * (dy . y, but y was rounded: where many keys are alike, dP - D would be mostly that) and
 * dS = P (dP - D).  A warp to an owner (a query and head; a key and key/value head): its lanes
 * take 32 partners at once, leave P and dS in shared memory, then take the elements of a head
 * and add up. */
#include "cuda.h"

enum { WARPS = 4, THREADS = WARPS * 32, MOST_HEAD = 256, EACH = MOST_HEAD / 32 };

__global__ void k_softmax_backward(float *dx, const float *dy, const float *y, int64_t C)
{
    __shared__ float room[32];
    int64_t at = blockIdx.x * C;
    float part = 0;
    for (int64_t i = threadIdx.x; i < C; i += blockDim.x) part += dy[at + i] * y[at + i];
    float sum = gpu_block_sum(part, room);
    for (int64_t i = threadIdx.x; i < C; i += blockDim.x)
        dx[at + i] += y[at + i] * (dy[at + i] - sum);
}

int cuda_softmax_backward(float *dx, const float *dy, const float *y, int64_t R, int64_t C)
{
    if (!gpu_small(R)) return 1;
    if (!dx || R * C == 0) return 0;
    LAUNCH(k_softmax_backward, dim3((unsigned)R), dim3(gpu_row_threads(C)), 0, gpu.stream, dx, dy,
           y, C);
    return gpu_status();
}

/* ---- attention ---- */

/* What the kernels read; stats (B, TQ, NH, 3): maximum, sum of exp(score - maximum), D. */
struct inputs {
    gm_attn s;
    const float *dy, *q, *k, *v, *y;
    float *stats;
};

static __device__ __forceinline__ float dot(const float *a, const float *b, int64_t n)
{
    float sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* Number of query i of head h; first element of key j for head h. */
static __device__ __forceinline__ int64_t query_of(const gm_attn &s, int64_t b, int64_t i,
                                                       int64_t h)
{
    return (b * s.TQ + i) * s.NH + h;
}
static __device__ __forceinline__ int64_t key_at(const gm_attn &s, int64_t b, int64_t j, int64_t h)
{
    return ((b * s.KS + j) * s.NKV + h / (s.NH / s.NKV)) * s.HD;
}
static __device__ __forceinline__ bool sees(const gm_attn &s, int64_t b, int64_t i, int64_t j)
{
    return j < s.TK && i < s.TQ && (!s.keep || s.keep[b * s.TK + j]) &&
           (!s.causal || j <= i + s.past);
}
/* The rows of the relative tables that query i reads for key j. */
static __device__ __forceinline__ int64_t rel_h_at(const gm_attn &s, int64_t i, int64_t j)
{
    return (i / s.GW - j / s.GW + s.GH - 1) * s.HD;
}
static __device__ __forceinline__ int64_t rel_w_at(const gm_attn &s, int64_t i, int64_t j)
{
    return (i % s.GW - j % s.GW + s.GW - 1) * s.HD;
}

static __device__ float score_of(const inputs &a, int64_t b, int64_t h, int64_t i, int64_t j)
{
    const gm_attn &s = a.s;
    const float *q = a.q + query_of(s, b, i, h) * s.HD;
    float score = s.scale * dot(q, a.k + key_at(s, b, j, h), s.HD);
    if (s.rel_h)
        score += dot(q, s.rel_h + rel_h_at(s, i, j), s.HD) +
                 dot(q, s.rel_w + rel_w_at(s, i, j), s.HD);
    return score;
}

/* P of a pair, and its dS; 0 where the query does not see the key. */
static __device__ float pair(float *ds, const inputs &a, int64_t b, int64_t h, int64_t i, int64_t j)
{
    *ds = 0;
    if (!sees(a.s, b, i, j)) return 0;
    int64_t n = query_of(a.s, b, i, h);
    const float *t = a.stats + 3 * n;
    float p = expf(score_of(a, b, h, i, j) - t[0]) / t[1];
    *ds = p * (dot(a.dy + n * a.s.HD, a.v + key_at(a.s, b, j, h), a.s.HD) - t[2]);
    return p;
}

/* A warp to a query and head: its statistics. */
__global__ void k_stats(inputs a, int64_t owners)
{
    const gm_attn &s = a.s;
    int64_t n = (int64_t)blockIdx.x * WARPS + (threadIdx.x >> 5);
    int lane = threadIdx.x & 31;
    if (n >= owners) return;                                /* a whole warp; no barrier follows */
    int64_t h = n % s.NH, i = n / s.NH % s.TQ, b = n / (s.NH * s.TQ);
    float max = -INFINITY, sum = 0, part = 0;
    const float *dy = a.dy + n * s.HD;
    for (int64_t j = lane; j < s.TK; j += 32)
        if (sees(s, b, i, j)) {
            float score = score_of(a, b, h, i, j), top = fmaxf(max, score);
            /* A NaN passes over the maximum and meets the sum. */
            float less = max == top ? 1 : expf(max - top);
            float e = score == -INFINITY ? 0 : expf(score - top);
            sum = sum * less + e;
            part = part * less + (e == 0 ? 0 : e * dot(dy, a.v + key_at(s, b, j, h), s.HD));
            max = top;
        }
    float all = gpu_warp_max(max), less = max == all ? 1 : expf(max - all);
    sum = gpu_warp_sum(sum * less);
    part = gpu_warp_sum(part * less);
    if (lane == 0) a.stats[3 * n] = all, a.stats[3 * n + 1] = sum, a.stats[3 * n + 2] = part / sum;
}

/* A warp to a query and head: dq. */
__global__ void k_dq(float *dq, inputs a, int64_t owners)
{
    __shared__ float room[WARPS][32];
    const gm_attn &s = a.s;
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    int64_t n = (int64_t)blockIdx.x * WARPS + warp;
    float sum[EACH] = { 0 };
    if (n >= owners) return;
    int64_t h = n % s.NH, i = n / s.NH % s.TQ, b = n / (s.NH * s.TQ);
    int64_t end = s.causal && i + s.past + 1 < s.TK ? i + s.past + 1 : s.TK;
    for (int64_t j0 = 0; j0 < end; j0 += 32) {
        float ds;
        pair(&ds, a, b, h, i, j0 + lane);
        room[warp][lane] = ds;
        __syncwarp();
        float part[EACH] = { 0 };       /* of 32 keys: thousands one by one would lose digits */
        for (int t = 0; t < 32 && j0 + t < end; t++) {
            int64_t j = j0 + t;
            if (!sees(s, b, i, j)) continue;                /* what is not seen is not read */
#pragma unroll
            for (int e = 0; e < EACH; e++) {
                int64_t d = lane + 32 * e;
                if (d >= s.HD) continue;
                float v = s.scale * a.k[key_at(s, b, j, h) + d];
                if (s.rel_h) v += s.rel_h[rel_h_at(s, i, j) + d] + s.rel_w[rel_w_at(s, i, j) + d];
                part[e] += room[warp][t] * v;
            }
        }
#pragma unroll
        for (int e = 0; e < EACH; e++) sum[e] += part[e];
        __syncwarp();
    }
#pragma unroll
    for (int e = 0; e < EACH; e++)
        if (lane + 32 * e < s.HD) dq[n * s.HD + lane + 32 * e] += sum[e];
}

/* A warp to a key and key/value head: dk and dv, from every head that reads it. */
__global__ void k_dkv(float *dk, float *dv, inputs a, int64_t owners)
{
    __shared__ float room[2][WARPS][32];
    const gm_attn &s = a.s;
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    int64_t n = (int64_t)blockIdx.x * WARPS + warp, group = s.NH / s.NKV;
    float sum_k[EACH] = { 0 }, sum_v[EACH] = { 0 };
    if (n >= owners) return;
    int64_t g = n % s.NKV, j = n / s.NKV % s.TK, b = n / (s.NKV * s.TK);
    int64_t at = ((b * s.KS + j) * s.NKV + g) * s.HD;
    for (int64_t h = g * group; h < (g + 1) * group; h++)
        for (int64_t i0 = 0; i0 < s.TQ; i0 += 32) {
            float ds;
            room[1][warp][lane] = pair(&ds, a, b, h, i0 + lane, j);
            room[0][warp][lane] = ds;
            __syncwarp();
            for (int t = 0; t < 32 && i0 + t < s.TQ; t++) {
                if (!sees(s, b, i0 + t, j)) continue;
                const float *q = a.q + query_of(s, b, i0 + t, h) * s.HD;
                const float *dy = a.dy + query_of(s, b, i0 + t, h) * s.HD;
#pragma unroll
                for (int e = 0; e < EACH; e++) {
                    int64_t d = lane + 32 * e;
                    if (d >= s.HD) continue;
                    sum_k[e] += room[0][warp][t] * (s.scale * q[d]);
                    sum_v[e] += room[1][warp][t] * dy[d];
                }
            }
            __syncwarp();
        }
#pragma unroll
    for (int e = 0; e < EACH; e++) {
        int64_t d = lane + 32 * e;
        if (d < s.HD && dk) dk[at + d] += sum_k[e];
        if (d < s.HD && dv) dv[at + d] += sum_v[e];
    }
}

/* A block to a row m of drel_h (down) or drel_w: every pair of a query and a key that reads it. */
__global__ void k_drel(float *drel, inputs a, int down)
{
    __shared__ float sums[WARPS][MOST_HEAD];
    const gm_attn &s = a.s;
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    int64_t m = blockIdx.x, across = down ? s.GW : s.GH;
    float sum[EACH] = { 0 };
    for (int64_t n = warp; n < s.B * s.TQ * s.NH; n += WARPS) {
        int64_t h = n % s.NH, i = n / s.NH % s.TQ, b = n / (s.NH * s.TQ);
        int64_t key = down ? i / s.GW + s.GH - 1 - m : i % s.GW + s.GW - 1 - m;
        if (key < 0 || key >= (down ? s.GH : s.GW)) continue;
        for (int64_t o0 = 0; o0 < across; o0 += 32) {
            int64_t o = o0 + lane;
            float ds = 0;
            if (o < across) pair(&ds, a, b, h, i, down ? key * s.GW + o : o * s.GW + key);
            ds = gpu_warp_sum(ds);
            for (int e = 0; e < EACH; e++)
                if (lane + 32 * e < s.HD) sum[e] += ds * a.q[n * s.HD + lane + 32 * e];
        }
    }
    for (int e = 0; e < EACH; e++) sums[warp][lane + 32 * e] = sum[e];
    __syncthreads();
    for (int64_t d = threadIdx.x; d < s.HD; d += THREADS) {
        float all = 0;
        for (int w = 0; w < WARPS; w++) all += sums[w][d];
        drel[m * s.HD + d] += all;
    }
}

size_t cuda_attention_backward_scratch(const gm_attn *s)
{
    return (size_t)(s->B * s->TQ * s->NH * 3) * sizeof(float);
}

static dim3 warp_blocks(int64_t owners) { return dim3((unsigned)((owners + WARPS - 1) / WARPS)); }

int cuda_attention_backward(float *dq, float *dk, float *dv, float *drel_h, float *drel_w,
                            const float *dy, const float *q, const float *k, const float *v,
                            const float *y, const gm_attn *s, void *scratch)
{
    int64_t queries = s->B * s->TQ * s->NH, keys = s->B * s->TK * s->NKV;
    inputs a = { *s, dy, q, k, v, y, static_cast<float *>(scratch) };
    int bad = 0;
    if (s->HD > MOST_HEAD || !gpu_small(queries) || !gpu_small(keys)) return 1;
    if (queries == 0) return 0;
    LAUNCH(k_stats, warp_blocks(queries), dim3(THREADS), 0, gpu.stream, a, queries);
    bad = gpu_status();
    if (!bad && dq) {
        LAUNCH(k_dq, warp_blocks(queries), dim3(THREADS), 0, gpu.stream, dq, a, queries);
        bad = gpu_status();
    }
    if (!bad && (dk || dv) && keys) {
        LAUNCH(k_dkv, warp_blocks(keys), dim3(THREADS), 0, gpu.stream, dk, dv, a, keys);
        bad = gpu_status();
    }
    for (int down = 0; !bad && s->rel_h && down < 2; down++) {
        float *drel = down ? drel_h : drel_w;
        if (!drel) continue;
        LAUNCH(k_drel, dim3((unsigned)(2 * (down ? s->GH : s->GW) - 1)), dim3(THREADS), 0,
               gpu.stream, drel, a, down);
        bad = gpu_status();
    }
    return bad;
}
