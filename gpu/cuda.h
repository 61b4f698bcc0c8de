/* Inside the backend: its state, what kernels share, and the slots that fill its table. */
#ifndef GPU_CUDA_H
#define GPU_CUDA_H
#include "gpu.h"
extern "C" {
#include "../ref/device.h"
}

/* The one device, from open to close. */
struct gpu_state {
    cudaStream_t stream;                /* everything runs on it, in order */
    cublasHandle_t blas;
    gm_dtype precision;                 /* of products: GM_F32 or GM_BF16 */
    int64_t blocks;                     /* that keep the device busy */
};
extern gpu_state gpu;

/* Blocks for n elements; kernels go on in steps of the grid. */
static inline unsigned gpu_blocks(int64_t n, int threads)
{
    int64_t blocks = (n + threads - 1) / threads;
    return (unsigned)(blocks < 1 ? 1 : blocks > gpu.blocks ? gpu.blocks : blocks);
}

/* True when numbers up to n fit an unsigned int, which divides much faster than int64_t. */
static inline bool gpu_small(int64_t n) { return n < (int64_t)1 << 31; }

static inline bool gpu_aligned(const void *p) { return (uintptr_t)p % 16 == 0; }

/* A thread's first element and its step. */
template <class I> __device__ __forceinline__ I gpu_first()
{
    return (I)blockIdx.x * blockDim.x + threadIdx.x;
}
template <class I> __device__ __forceinline__ I gpu_step() { return (I)gridDim.x * blockDim.x; }

static __device__ __forceinline__ float gpu_bf16(uint16_t h)
{
    return __uint_as_float((unsigned)h << 16);
}

/* Nearest even; NaN stays NaN. */
static __device__ __forceinline__ uint16_t gpu_to_bf16(float f)
{
    unsigned u = __float_as_uint(f);
    if ((u & 0x7fffffff) > 0x7f800000) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/* The same to IEEE half. */
static __device__ __forceinline__ uint16_t gpu_to_half(float f)
{
    unsigned u = __float_as_uint(f), sign = u >> 16 & 0x8000;
    u &= 0x7fffffff;
    if (u > 0x7f800000) return (uint16_t)(sign | 0x7e00);
    if (u >= 0x477ff000) return (uint16_t)(sign | 0x7c00);          /* 65520 and above */
    if (u < 0x38800000)                     /* below 2^-14: adding 1/2 leaves multiples of 2^-24 */
        return (uint16_t)(sign | (__float_as_uint(__uint_as_float(u) + 0.5f) - 0x3f000000));
    return (uint16_t)(sign | ((u - 0x38000000 + 0xfff + (u >> 13 & 1)) >> 13));
}

/* Element k of a block of 256: as gm_k_quantised of ref/kernels/typed.h. */
template <int TYPE> __device__ __forceinline__ float gpu_k_quantised(const uint8_t *b, int k)
{
    const uint16_t *half = reinterpret_cast<const uint16_t *>(b);
    int part = k / 32, l = k % 32;
    if (TYPE == GM_Q6_K) {
        int run = part % 4, low = b[k / 128 * 64 + run % 2 * 32 + l] >> run / 2 * 4 & 15;
        int high = b[128 + k / 128 * 32 + l] >> 2 * run & 3;
        return gpu_half(half[104]) * (float)(int8_t)b[192 + k / 16] *
               (float)((low | high << 4) - 32);
    }
    int v = b[(TYPE == GM_Q5_K ? 48 : 16) + part / 2 * 32 + l] >> part % 2 * 4 & 15;
    if (TYPE == GM_Q5_K) v |= (b[16 + l] >> part & 1) << 4;
    const uint8_t *p = b + 4;
    int s = part < 4 ? p[part] & 63 : (p[part + 4] & 15) | p[part - 4] >> 6 << 4;
    int t = part < 4 ? p[part + 4] & 63 : p[part + 4] >> 4 | p[part] >> 6 << 4;
    return gpu_half(half[0]) * (float)s * (float)v - gpu_half(half[1]) * (float)t;
}

/* Element i of a weight in blocks (ref/kernels.h; a row is a whole number of blocks). */
template <int TYPE> __device__ __forceinline__ float gpu_quantised(const void *w, int64_t i)
{
    if (TYPE >= GM_Q4_K)
        return gpu_k_quantised<TYPE>(static_cast<const uint8_t *>(w) + i / 256 *
                                     (TYPE == GM_Q4_K ? 144 : TYPE == GM_Q5_K ? 176 : 210),
                                     (int)(i % 256));
    const int size = TYPE == GM_Q8_0 ? 34 : TYPE == GM_Q4_0 ? 18 : 20;
    const uint8_t *b = static_cast<const uint8_t *>(w) + i / 32 * size;
    const uint16_t *half = reinterpret_cast<const uint16_t *>(b);
    int k = (int)(i % 32);
    float d = gpu_half(half[0]);
    if (TYPE == GM_Q8_0) return d * (float)(int8_t)b[2 + k];
    uint8_t both = b[(TYPE == GM_Q4_0 ? 2 : 4) + k % 16];
    int nibble = k < 16 ? both & 15 : both >> 4;
    return TYPE == GM_Q4_0 ? d * (float)(nibble - 8) : d * (float)nibble + gpu_half(half[1]);
}

static inline bool gpu_is_quantised(gm_dtype t)
{
    return t >= GM_Q8_0 && t <= GM_Q6_K;
}
static inline bool gpu_is_weight(gm_dtype t)
{
    return t == GM_F32 || t == GM_BF16 || t == GM_F16 || gpu_is_quantised(t);
}
/* Bytes of n elements of a weight. */
static inline size_t gpu_weight_bytes(gm_dtype t, int64_t n)
{
    static const size_t block[] = { 34, 18, 20, 144, 176, 210 };    /* from GM_Q8_0 on */
    if (!gpu_is_quantised(t)) return (size_t)n * (t == GM_F32 ? 4 : 2);
    return (size_t)(n / (t >= GM_Q4_K ? 256 : 32)) * block[t - GM_Q8_0];
}

/* Bytes of a row of K elements. */
template <int TYPE> __device__ __forceinline__ int64_t gpu_row_bytes(int64_t K)
{
    if (TYPE == GM_F32) return K * 4;
    if (TYPE < GM_Q8_0) return K * 2;
    if (TYPE >= GM_Q4_K) return K / 256 * (TYPE == GM_Q4_K ? 144 : TYPE == GM_Q5_K ? 176 : 210);
    return K / 32 * (TYPE == GM_Q8_0 ? 34 : TYPE == GM_Q4_0 ? 18 : 20);
}

/* How many of n rows of K elements are converted or laid out at a time. */
static inline int64_t gpu_panel(int64_t n, int64_t K)
{
    int64_t rows = GPU_PANEL / (K ? K : 1);
    return rows < 1 ? 1 : rows > n ? n : rows;
}

/* Element i of a weight. */
template <int TYPE> __device__ __forceinline__ float gpu_weight(const void *w, int64_t i)
{
    if (TYPE == GM_F32) return static_cast<const float *>(w)[i];
    if (TYPE >= GM_Q8_0) return gpu_quantised<TYPE>(w, i);
    uint16_t h = static_cast<const uint16_t *>(w)[i];
    return TYPE == GM_BF16 ? gpu_bf16(h) : gpu_half(h);
}

static __device__ __forceinline__ float gpu_warp_sum(float v)
{
    for (int x = 16; x; x >>= 1) v += __shfl_xor_sync(FULL_WARP, v, x);
    return v;
}

static __device__ __forceinline__ float gpu_warp_max(float v)
{
    for (int x = 16; x; x >>= 1) v = fmaxf(v, __shfl_xor_sync(FULL_WARP, v, x));
    return v;
}

/* Over a block of whole warps; every thread gets it.  room: 32 floats of shared memory. */
static __device__ __forceinline__ float gpu_block_sum(float v, float *room)
{
    int lane = threadIdx.x & 31;
    v = gpu_warp_sum(v);
    __syncthreads();                    /* room may still be read */
    if (lane == 0) room[threadIdx.x >> 5] = v;
    __syncthreads();
    return gpu_warp_sum(lane < (int)(blockDim.x >> 5) ? room[lane] : 0);
}

/* A NaN is passed over. */
static __device__ __forceinline__ float gpu_block_max(float v, float *room)
{
    int lane = threadIdx.x & 31;
    v = gpu_warp_max(v);
    __syncthreads();
    if (lane == 0) room[threadIdx.x >> 5] = v;
    __syncthreads();
    return gpu_warp_max(lane < (int)(blockDim.x >> 5) ? room[lane] : -INFINITY);
}

/* Threads of a block that works on a row of C elements. */
static inline unsigned gpu_row_threads(int64_t C) { return C <= 128 ? 32 : C <= 1024 ? 128 : 256; }

/* y (n) of type to = x (n) of type from: f32, bf16 or f16 to f32 or bf16.  (linear.cu) */
int gpu_convert(void *y, gm_dtype to, const void *x, gm_dtype from, int64_t n);
/* A linear layer on R <= GPU_FEW_ROWS rows.  (few.cu) */
enum { GPU_FEW_ROWS = 4 };
int gpu_few_rows(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                 int64_t N, int64_t K);
/* A 1 x 1 convolution's patches are the map itself. */
static inline bool gpu_pointwise(const gm_conv *s)
{
    return s->KH == 1 && s->KW == 1 && s->stride == 1 && s->pad == 0;
}
/* col (CI KH KW, P): the patches of output pixels first .. first + P of x (CI, H, W).  (conv.cu) */
int gpu_patches(float *col, const float *x, const gm_conv *s, int64_t first, int64_t P);

/* The slots (ref/kernels.h). */
int cuda_gather(float *y, const void *x, gm_dtype xt, const int32_t *rows, int64_t N, int64_t R,
                int64_t C);
int cuda_transpose(float *y, const float *x, int64_t B, int64_t R, int64_t C);
int cuda_concat(float *y, const float *a, const float *b, int64_t B, int64_t N, int64_t M);
int cuda_slice(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M);
int cuda_place(float *y, const float *x, int64_t B, int64_t N, int64_t at, int64_t M);
int cuda_place16(void *y, gm_dtype yt, const float *x, int64_t B, int64_t N, int64_t at, int64_t M);
int cuda_repeat(float *y, const float *x, int64_t B, int64_t N);
int cuda_window(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C, int64_t S);
int cuda_unwindow(float *y, const float *x, int64_t B, int64_t H, int64_t W, int64_t C, int64_t S);
int cuda_round_bf16(float *y, const float *x, int64_t N);
int cuda_add(float *y, const float *a, const float *b, int64_t N, int64_t M);
int cuda_mul(float *y, const float *a, const float *b, int64_t N, int64_t M);
int cuda_scale(float *y, const float *x, int64_t N, float s);
int cuda_relu(float *y, const float *x, int64_t N);
int cuda_gelu(float *y, const float *x, int64_t N);
int cuda_quick_gelu(float *y, const float *x, int64_t N);
int cuda_silu(float *y, const float *x, int64_t N);
int cuda_sin(float *y, const float *x, int64_t N);
int cuda_cos(float *y, const float *x, int64_t N);
int cuda_rope(float *y, const float *x, const float *angle, int64_t R, int64_t NH, int64_t HD);
int cuda_linear(float *y, const float *x, const void *w, gm_dtype wt, const float *b, int64_t R,
                int64_t N, int64_t K, void *scratch);
size_t cuda_linear_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K);
int cuda_conv2d(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                const gm_conv *s, void *scratch);
size_t cuda_conv2d_scratch(gm_dtype wt, const gm_conv *s);
int cuda_conv_transpose2x2(float *y, const float *x, const void *w, gm_dtype wt, const float *b,
                           int64_t B, int64_t CI, int64_t H, int64_t W, int64_t CO);
int cuda_layernorm(float *y, const float *x, const float *w, const float *b, int64_t R, int64_t C,
                   float eps);
int cuda_layernorm2d(float *y, const float *x, const float *w, const float *b, int64_t B, int64_t C,
                     int64_t HW, float eps);
int cuda_rmsnorm(float *y, const float *x, const float *w, int64_t R, int64_t C, float eps);
int cuda_groupnorm(float *y, const float *x, const float *w, const float *b, int64_t B, int64_t C,
                   int64_t HW, int64_t G, float eps);
int cuda_resize(float *y, const float *x, int64_t R, int64_t H, int64_t W, int64_t HO, int64_t WO,
                int align);
int cuda_roi_align(float *y, const float *x, const float *box, const int32_t *image, int64_t N,
                   int64_t B, int64_t C, int64_t H, int64_t W, int64_t P, int64_t S, float scale);
int cuda_softmax(float *y, const float *x, int64_t R, int64_t C);
int cuda_attention(float *y, const float *q, const float *k, const float *v, const gm_attn *s,
                   void *scratch);
size_t cuda_attention_scratch(const gm_attn *s);
int cuda_attention16(float *y, const float *q, const void *k, const void *v, gm_dtype kt,
                     const gm_attn *s, void *scratch);
size_t cuda_attention16_scratch(gm_dtype kt, const gm_attn *s);
int cuda_argmax(int32_t *y, const float *x, int64_t R, int64_t C);
int cuda_finite(int32_t *y, const float *x, int64_t N);
int cuda_fill(float *y, int64_t N, float value);
int cuda_cross_entropy(float *y, const float *x, const int32_t *label, int64_t R, int64_t C);
int cuda_cross_entropy_backward(float *dx, const float *dy, const float *x, const int32_t *label,
                                int64_t R, int64_t C);
int cuda_bce(float *y, const float *x, const float *t, int64_t N, int64_t P);
int cuda_bce_backward(float *dx, const float *dy, const float *x, const float *t, int64_t N,
                      int64_t P);
int cuda_dice(float *y, const float *x, const float *t, int64_t N, int64_t P);
int cuda_gather_backward(float *dx, const float *dy, const int32_t *rows, int64_t N, int64_t R,
                         int64_t C);
int cuda_transpose_backward(float *dx, const float *dy, int64_t B, int64_t R, int64_t C);
int cuda_concat_backward(float *da, float *db, const float *dy, int64_t B, int64_t N, int64_t M);
int cuda_slice_backward(float *dx, const float *dy, int64_t B, int64_t N, int64_t at, int64_t M);
int cuda_repeat_backward(float *dx, const float *dy, int64_t B, int64_t N);
int cuda_window_backward(float *dx, const float *dy, int64_t B, int64_t H, int64_t W, int64_t C,
                         int64_t S);
int cuda_unwindow_backward(float *dx, const float *dy, int64_t B, int64_t H, int64_t W, int64_t C,
                           int64_t S);
int cuda_round_bf16_backward(float *dx, const float *dy, int64_t N);
int cuda_add_backward(float *da, float *db, const float *dy, int64_t N, int64_t M);
int cuda_mul_backward(float *da, float *db, const float *dy, const float *a, const float *b,
                      int64_t N, int64_t M);
int cuda_scale_backward(float *dx, const float *dy, int64_t N, float s);
int cuda_relu_backward(float *dx, const float *dy, const float *x, int64_t N);
int cuda_gelu_backward(float *dx, const float *dy, const float *x, int64_t N);
int cuda_quick_gelu_backward(float *dx, const float *dy, const float *x, int64_t N);
int cuda_silu_backward(float *dx, const float *dy, const float *x, int64_t N);
int cuda_sin_backward(float *dx, const float *dy, const float *x, int64_t N);
int cuda_cos_backward(float *dx, const float *dy, const float *x, int64_t N);
int cuda_rope_backward(float *dx, const float *dy, const float *angle, int64_t R, int64_t NH,
                       int64_t HD);
int cuda_linear_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                         const void *w, gm_dtype wt, int64_t R, int64_t N, int64_t K,
                         void *scratch);
size_t cuda_linear_backward_scratch(gm_dtype wt, int64_t R, int64_t N, int64_t K);
int cuda_conv2d_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                         const void *w, gm_dtype wt, const gm_conv *s, void *scratch);
size_t cuda_conv2d_backward_scratch(gm_dtype wt, const gm_conv *s);
int cuda_conv_transpose2x2_backward(float *dx, float *dw, float *db, const float *dy,
                                    const float *x, const void *w, gm_dtype wt, int64_t B,
                                    int64_t CI, int64_t H, int64_t W, int64_t CO);
int cuda_layernorm_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                            const float *w, int64_t R, int64_t C, float eps);
int cuda_layernorm2d_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                              const float *w, int64_t B, int64_t C, int64_t HW, float eps);
int cuda_rmsnorm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w,
                          int64_t R, int64_t C, float eps);
int cuda_groupnorm_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                            const float *w, int64_t B, int64_t C, int64_t HW, int64_t G,
                            float eps);
int cuda_resize_backward(float *dx, const float *dy, int64_t R, int64_t H, int64_t W, int64_t HO,
                         int64_t WO, int align);
int cuda_roi_align_backward(float *dx, const float *dy, const float *box, const int32_t *image,
                            int64_t N, int64_t B, int64_t C, int64_t H, int64_t W, int64_t P,
                            int64_t S, float scale);
int cuda_softmax_backward(float *dx, const float *dy, const float *y, int64_t R, int64_t C);
int cuda_attention_backward(float *dq, float *dk, float *dv, float *drel_h, float *drel_w,
                            const float *dy, const float *q, const float *k, const float *v,
                            const float *y, const gm_attn *s, void *scratch);
size_t cuda_attention_backward_scratch(const gm_attn *s);
int cuda_dice_backward(float *dx, const float *dy, const float *x, const float *t, int64_t N,
                       int64_t P);

#endif
