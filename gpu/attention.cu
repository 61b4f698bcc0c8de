/* Attention without a matrix of scores: softmax is carried along tile by tile (online softmax:
 * running maximum and sum).  SAM's decomposed relative positions are added inside.  Two kernels:
 * a tile of queries against tiles of keys, and, for one or a few queries, keys in shares whose
 * results are merged.  Keys and values of 16 bits become floats as they are loaded (TYPE).  Scores
 * and sums are f32.  See ref/kernels.h. Milakov, Gimelshein, "Online
 * normalizer calculation for softmax", arXiv 1805.02867; Dao et al., "FlashAttention", arXiv
 * 2205.14135; Dao et al., "Flash-Decoding". */
#include "cuda.h"

/* Both kernels' view of gm_attn. */
struct shape {
    int64_t TQ, TK, KS, NH, NKV, HD, past, GH, GW;
    float scale;
    int causal;
};

/* Key j's or query i's first element. */
static __device__ __forceinline__ int64_t kv_at(const shape &s, int64_t b, int64_t h, int64_t j)
{
    return ((b * s.KS + j) * s.NKV + h / (s.NH / s.NKV)) * s.HD;
}
static __device__ __forceinline__ int64_t q_at(const shape &s, int64_t b, int64_t h, int64_t i)
{
    return ((b * s.TQ + i) * s.NH + h) * s.HD;
}

/* ---- a tile of queries ---- */

/* A block has 128 threads: 8 groups of 16.  Group g holds queries 4 g .. 4 g + 3; its thread t
 * takes keys t, t + 16, t + 32, t + 48 of a tile's scores, then elements t, t + 16, .. of the
 * output. */
enum { QUERIES = 32, KEYS = 64, GROUP = 16, EACH = 4, TILE_THREADS = QUERIES / EACH * GROUP };
enum { WEIGHTS = QUERIES + 4 };         /* a key's weights in shared memory; 4 more for the banks */

/* Rows of a head in shared memory: a multiple of 4 long, and 4 more so that 8 rows in a row lie in
 * different banks. */
static __host__ __device__ __forceinline__ int64_t padded(int64_t HD)
{
    return (HD + 3) / 4 * 4 + 4;
}

/* Floats of shared memory: queries, keys (then values), weights, relative terms. */
static int64_t tile_floats(const gm_attn *s)
{
    int64_t rel = s->rel_h ? QUERIES * (s->GH + s->GW) : 0;
    return (QUERIES + KEYS) * padded(s->HD) + KEYS * WEIGHTS + rel;
}

/* rows of x behind element `at`, from `first` on and stride apart, to shared memory; 0 beyond `end`
 * and beyond HD. */
template <int TYPE>
static __device__ void load_rows(float *to, const void *x, int64_t at, int rows, int64_t first,
                                 int64_t end, int64_t stride, int64_t HD)
{
    int64_t width = padded(HD);
    for (int r = threadIdx.x >> 5; r < rows; r += TILE_THREADS / 32)
        for (int64_t d = threadIdx.x & 31; d < width; d += 32)
            to[r * width + d] =
                first + r < end && d < HD ? gpu_weight<TYPE>(x, at + (first + r) * stride + d) : 0;
}

/* rel[i, a] = q_i . rel_h[yi - a + GH - 1], then q_i . rel_w[xi - a + GW - 1].
 * segment_anything image_encoder.py, add_decomposed_rel_pos. */
static __device__ void relative_terms(float *rel, const float *q, const float *rel_h,
                                      const float *rel_w, const shape &s, int64_t first)
{
    int n = (int)(s.GH + s.GW);
    for (int e = threadIdx.x; e < QUERIES * n; e += TILE_THREADS) {
        int r = e / n, a = e % n;
        int64_t i = first + r;
        if (i >= s.TQ) i = s.TQ - 1;                        /* a query that is not there */
        const float *table = a < s.GH ? rel_h + (i / s.GW - a + s.GH - 1) * s.HD
                                      : rel_w + (i % s.GW - (a - s.GH) + s.GW - 1) * s.HD;
        float sum = 0;
        for (int64_t d = 0; d < s.HD; d++) sum += q[r * padded(s.HD) + d] * table[d];
        rel[e] = sum;
    }
}

/* Raw products of the thread's 4 queries and 4 keys. */
static __device__ __forceinline__ void tile_products(float (*score)[EACH], const float *q,
                                                     const float *k, int64_t width, int thread)
{
#pragma unroll
    for (int i = 0; i < EACH; i++)
#pragma unroll
        for (int j = 0; j < EACH; j++) score[i][j] = 0;
#pragma unroll 1                        /* more would not fit the registers */
    for (int64_t d = 0; d < width - 4; d += 4) {
        float4 u[EACH], v[EACH];
#pragma unroll
        for (int i = 0; i < EACH; i++)
            u[i] = *reinterpret_cast<const float4 *>(q + i * width + d);
#pragma unroll
        for (int j = 0; j < EACH; j++)
            v[j] = *reinterpret_cast<const float4 *>(k + (thread + j * GROUP) * width + d);
#pragma unroll
        for (int i = 0; i < EACH; i++)
#pragma unroll
            for (int j = 0; j < EACH; j++)
                score[i][j] += u[i].x * v[j].x + u[i].y * v[j].y + u[i].z * v[j].z +
                               u[i].w * v[j].w;
    }
}

/* Scaled, with relative terms; -inf for a key that the query does not see. */
static __device__ __forceinline__ float finish_score(float raw, const shape &s, const uint8_t *keep,
                                                     const float *rel, int64_t i, int64_t j)
{
    if (j >= s.TK || (s.causal && j > i + s.past) || (keep && !keep[j])) return -INFINITY;
    float v = s.scale * raw;
    if (rel) v += rel[j / s.GW] + rel[s.GH + j % s.GW];
    return v;
}

static __device__ __forceinline__ float group_max(float v)
{
    for (int x = GROUP / 2; x; x >>= 1) v = fmaxf(v, __shfl_xor_sync(FULL_WARP, v, x));
    return v;
}

static __device__ __forceinline__ float group_sum(float v)
{
    for (int x = GROUP / 2; x; x >>= 1) v += __shfl_xor_sync(FULL_WARP, v, x);
    return v;
}

/* What a new key does to the running state: the factor for what was summed before. */
static __device__ __forceinline__ float shrink(float before, float now)
{
    return before == now ? 1 : expf(before - now);
}

/* exp(score - max); 0 for a key that is not seen, even when no key was seen so far. */
static __device__ __forceinline__ float weight_of(float score, float max)
{
    return score == -INFINITY ? 0 : expf(score - max);
}

/* DIMS: elements of the output per thread and query, DIMS * 16 >= HD. */
template <int DIMS, int TYPE>
__global__ void __launch_bounds__(TILE_THREADS)
    k_attention(float *y, const float *q, const void *k, const void *v, const uint8_t *keep,
                const float *rel_h, const float *rel_w, shape s, int64_t tiles)
{
    DYN_SHARED(float, room);
    int64_t width = padded(s.HD), bh = blockIdx.x / tiles, first = blockIdx.x % tiles * QUERIES;
    int64_t b = bh / s.NH, h = bh % s.NH, stride = s.NKV * s.HD;
    float *qs = room, *ks = qs + QUERIES * width, *ps = ks + KEYS * width;
    float *rel = ps + KEYS * WEIGHTS;
    int thread = threadIdx.x % GROUP, row = (int)threadIdx.x / GROUP * EACH;
    float max[EACH], sum[EACH], out[EACH][DIMS];

    load_rows<GM_F32>(qs, q, q_at(s, b, h, 0), QUERIES, first, s.TQ, s.NH * s.HD, s.HD);
    __syncthreads();
    if (rel_h) relative_terms(rel, qs, rel_h, rel_w, s, first);
#pragma unroll
    for (int i = 0; i < EACH; i++) {
        max[i] = -INFINITY, sum[i] = 0;
#pragma unroll
        for (int d = 0; d < DIMS; d++) out[i][d] = 0;
    }
    if (keep) keep += b * s.TK;
    int64_t end = s.TK;
    if (s.causal && first + QUERIES + s.past < end) end = first + QUERIES + s.past;
    for (int64_t j0 = 0; j0 < end; j0 += KEYS) {
        float score[EACH][EACH];
        load_rows<TYPE>(ks, k, kv_at(s, b, h, 0), KEYS, j0, s.TK, stride, s.HD);
        __syncthreads();
        tile_products(score, qs + row * width, ks, width, thread);
#pragma unroll
        for (int i = 0; i < EACH; i++) {
            float top = -INFINITY, part = 0;
#pragma unroll
            for (int j = 0; j < EACH; j++) {
                score[i][j] = finish_score(score[i][j], s, keep,
                                           rel_h ? rel + (row + i) * (s.GH + s.GW) : NULL,
                                           first + row + i, j0 + thread + j * GROUP);
                top = fmaxf(top, score[i][j]);
            }
            top = fmaxf(max[i], group_max(top));
#pragma unroll
            for (int j = 0; j < EACH; j++) {
                score[i][j] = weight_of(score[i][j], top);
                part += score[i][j];
            }
            float factor = shrink(max[i], top);
            sum[i] = sum[i] * factor + group_sum(part);
#pragma unroll
            for (int d = 0; d < DIMS; d++) out[i][d] *= factor;
            max[i] = top;
        }
#pragma unroll
        for (int j = 0; j < EACH; j++) {
            float4 p = { score[0][j], score[1][j], score[2][j], score[3][j] };
            *reinterpret_cast<float4 *>(ps + (thread + j * GROUP) * WEIGHTS + row) = p;
        }
        __syncthreads();                                    /* keys were read, weights are there */
        load_rows<TYPE>(ks, v, kv_at(s, b, h, 0), KEYS, j0, s.TK, stride, s.HD);
        __syncthreads();
        int n = s.TK - j0 < KEYS ? (int)(s.TK - j0) : KEYS;
#pragma unroll 2
        for (int j = 0; j < n; j++) {
            float4 p = *reinterpret_cast<const float4 *>(ps + j * WEIGHTS + row);
            const float *vj = ks + j * width + thread;
#pragma unroll
            for (int d = 0; d < DIMS; d++) {
                float x = thread + d * GROUP < s.HD ? vj[d * GROUP] : 0;
                if (p.x != 0) out[0][d] += p.x * x;         /* a weight of 0 carries no NaN */
                if (p.y != 0) out[1][d] += p.y * x;
                if (p.z != 0) out[2][d] += p.z * x;
                if (p.w != 0) out[3][d] += p.w * x;
            }
        }
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < EACH; i++) {
        float *yi = y + q_at(s, b, h, first + row + i);
#pragma unroll
        for (int d = 0; d < DIMS; d++)
            if (first + row + i < s.TQ && thread + d * GROUP < s.HD)
                yi[thread + d * GROUP] = out[i][d] / sum[i];
    }
}

template <int DIMS, int TYPE>
static int tile(float *y, const float *q, const void *k, const void *v, const gm_attn *a, shape s)
{
    int64_t tiles = (s.TQ + QUERIES - 1) / QUERIES;
    size_t bytes = (size_t)tile_floats(a) * sizeof(float);
    if (!gpu_small(a->B * s.NH * tiles)) return 1;
    cudaError_t e = cudaFuncSetAttribute(k_attention<DIMS, TYPE>,
                                         cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes);
    if (e != cudaSuccess) return (int)e;
    LAUNCH((k_attention<DIMS, TYPE>), dim3((unsigned)(a->B * s.NH * tiles)), dim3(TILE_THREADS),
           bytes, gpu.stream, y, q, k, v, a->keep, a->rel_h, a->rel_w, s, tiles);
    return gpu_status();
}

/* ---- a few queries ---- */

/* Blocks of 4 warps; a block has one query, one head and a share of the keys; a warp takes every
 * fourth key, its lanes the elements of a head.  TOGETHER keys at once, so that loads overlap. */
enum { FEW_QUERIES = 4, WARPS = 4, TOGETHER = 4, KEYS_PER_SHARE = 128, MOST_SHARES = 32 };

/* Wide heads, which no module of GLaMM has, go this way too. */
static bool few(const gm_attn *s) { return !s->rel_h && (s->TQ <= FEW_QUERIES || s->HD > 128); }

static int64_t shares_of(const gm_attn *s)
{
    int64_t n = (s->TK + KEYS_PER_SHARE - 1) / KEYS_PER_SHARE;
    return n < 1 ? 1 : n > MOST_SHARES ? (int64_t)MOST_SHARES : n;
}

/* A share's result: maximum, sum, HD sums of values. */
size_t cuda_attention_scratch(const gm_attn *s)
{
    int64_t shares = shares_of(s);
    if (!few(s) || shares == 1) return 0;
    return (size_t)(s->B * s->NH * s->TQ * shares * (s->HD + 2)) * sizeof(float);
}

/* n results (max, sum, HD values), each `stride` apart, as one; values d = from, from + step, .. of
 * it are written, divided by the sum when `last`. */
static __device__ void merge(float *to, const float *part, int n, int64_t stride, int64_t HD,
                             int from, int step, bool last)
{
    float max = -INFINITY, sum = 0;
    for (int i = 0; i < n; i++) max = fmaxf(max, part[i * stride]);
    for (int i = 0; i < n; i++) sum += part[i * stride + 1] * shrink(part[i * stride], max);
    for (int64_t d = from; d < HD; d += step) {
        float v = 0;
        for (int i = 0; i < n; i++) v += part[i * stride + 2 + d] * shrink(part[i * stride], max);
        if (last) to[d] = v / sum;
        else to[d + 2] = v;
    }
    if (!last && from == 0) to[0] = max, to[1] = sum;
}

/* DIMS: elements of a head per lane, DIMS * 32 >= HD. */
template <int DIMS, int TYPE>
__global__ void k_few_queries(float *y, float *parts, const float *q, const void *k,
                              const void *v, const uint8_t *keep, shape s, int shares)
{
    DYN_SHARED(float, room);            /* WARPS results */
    int64_t at = blockIdx.x / shares, share = blockIdx.x % shares;
    int64_t h = at % s.NH, i = at / s.NH % s.TQ, b = at / s.NH / s.TQ;
    int64_t each = (s.TK + shares - 1) / shares, j0 = share * each, end = j0 + each;
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    float qi[DIMS], out[DIMS], max = -INFINITY, sum = 0;
    if (end > s.TK) end = s.TK;
    if (s.causal && i + s.past + 1 < end) end = i + s.past + 1;
    if (keep) keep += b * s.TK;
    for (int d = 0; d < DIMS; d++) {
        qi[d] = lane + 32 * d < s.HD ? q[q_at(s, b, h, i) + lane + 32 * d] : 0;
        out[d] = 0;
    }
    for (int64_t j = j0 + warp; j < end; j += WARPS * TOGETHER) {
        float score[TOGETHER], top = max;
        for (int t = 0; t < TOGETHER; t++) {
            int64_t jt = j + t * WARPS;
            float part = 0;
            for (int d = 0; d < DIMS; d++)
                if (jt < end && lane + 32 * d < s.HD)
                    part += qi[d] * gpu_weight<TYPE>(k, kv_at(s, b, h, jt) + lane + 32 * d);
            score[t] = part;
        }
        for (int t = 0; t < TOGETHER; t++) {
            int64_t jt = j + t * WARPS;
            score[t] = finish_score(gpu_warp_sum(score[t]), s, jt < end ? keep : NULL, NULL, i,
                                    jt < end ? jt : s.TK);
            top = fmaxf(top, score[t]);
        }
        float factor = shrink(max, top);
        sum *= factor;
        for (int d = 0; d < DIMS; d++) out[d] *= factor;
        for (int t = 0; t < TOGETHER; t++) {
            float p = weight_of(score[t], top);
            sum += p;
            for (int d = 0; d < DIMS; d++)
                if (p != 0 && lane + 32 * d < s.HD)
                    out[d] +=
                        p * gpu_weight<TYPE>(v, kv_at(s, b, h, j + t * WARPS) + lane + 32 * d);
        }
        max = top;
    }
    float *own = room + warp * (s.HD + 2);
    if (lane == 0) own[0] = max, own[1] = sum;
    for (int d = 0; d < DIMS; d++)
        if (lane + 32 * d < s.HD) own[2 + lane + 32 * d] = out[d];
    __syncthreads();
    if (shares == 1)
        merge(y + q_at(s, b, h, i), room, WARPS, s.HD + 2, s.HD, threadIdx.x, WARPS * 32, true);
    else
        merge(parts + blockIdx.x * (s.HD + 2), room, WARPS, s.HD + 2, s.HD, threadIdx.x, WARPS * 32,
              false);
}

/* A block to a query and head. */
__global__ void k_merge(float *y, const float *parts, shape s, int shares)
{
    int64_t at = blockIdx.x, h = at % s.NH, i = at / s.NH % s.TQ, b = at / s.NH / s.TQ;
    merge(y + q_at(s, b, h, i), parts + at * shares * (s.HD + 2), shares, s.HD + 2, s.HD,
          threadIdx.x, (int)blockDim.x, true);
}

template <int DIMS, int TYPE>
static int few_queries(float *y, const float *q, const void *k, const void *v, const gm_attn *a,
                       shape s, float *parts)
{
    int64_t rows = a->B * s.NH * s.TQ;
    int shares = (int)shares_of(a);
    size_t bytes = (size_t)(WARPS * (s.HD + 2)) * sizeof(float);
    if (!gpu_small(rows * shares)) return 1;
    LAUNCH((k_few_queries<DIMS, TYPE>), dim3((unsigned)(rows * shares)), WARPS * 32, bytes,
           gpu.stream, y, parts, q, k, v, a->keep, s, shares);
    int bad = gpu_status();
    if (bad || shares == 1) return bad;
    LAUNCH(k_merge, dim3((unsigned)rows), 128, 0, gpu.stream, y, parts, s, shares);
    return gpu_status();
}

/* ---- the slots ---- */

template <int TYPE>
static int attention(float *y, const float *q, const void *k, const void *v, const gm_attn *a,
                     void *scratch)
{
    shape s = { a->TQ, a->TK, a->KS, a->NH, a->NKV, a->HD, a->past, a->GH, a->GW, a->scale,
                a->causal };
    float *parts = static_cast<float *>(scratch);
    if (a->B * s.TQ * s.NH * s.HD == 0) return 0;
    if (few(a)) {
        if (s.HD <= 32) return few_queries<1, TYPE>(y, q, k, v, a, s, parts);
        if (s.HD <= 64) return few_queries<2, TYPE>(y, q, k, v, a, s, parts);
        if (s.HD <= 128) return few_queries<4, TYPE>(y, q, k, v, a, s, parts);
        if (s.HD <= 256) return few_queries<8, TYPE>(y, q, k, v, a, s, parts);
        return 1;
    }
    if (s.HD <= 16) return tile<1, TYPE>(y, q, k, v, a, s);
    if (s.HD <= 32) return tile<2, TYPE>(y, q, k, v, a, s);
    if (s.HD <= 64) return tile<4, TYPE>(y, q, k, v, a, s);
    if (s.HD <= 80) return tile<5, TYPE>(y, q, k, v, a, s);
    if (s.HD <= 128) return tile<8, TYPE>(y, q, k, v, a, s);
    return 1;
}

int cuda_attention(float *y, const float *q, const float *k, const float *v, const gm_attn *s,
                   void *scratch)
{
    return attention<GM_F32>(y, q, k, v, s, scratch);
}

int cuda_attention16(float *y, const float *q, const void *k, const void *v, gm_dtype kt,
                     const gm_attn *s, void *scratch)
{
    if (s->rel_h) return 1;
    if (kt == GM_BF16) return attention<GM_BF16>(y, q, k, v, s, scratch);
    return kt == GM_F16 ? attention<GM_F16>(y, q, k, v, s, scratch) : 1;
}

size_t cuda_attention16_scratch(gm_dtype, const gm_attn *s) { return cuda_attention_scratch(s); }
