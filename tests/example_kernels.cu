/* A CUDA kernel of your own, held against PyTorch's values:
 *
 *     cp tests/example_kernels.cu mine.cu
 *     make verify KERNELS=mine.cu OP=softmax
 *
 * With an NVIDIA GPU and nvcc this runs there; without, g++ builds it for an emulated GPU, which
 * finds missing barriers, reads of what was never written and every access outside an array
 * (docs/VERIFY.md).
 *
 * kernels.h has the shape of every slot.  With .device = 1 (below) all tensors are device
 * memory, but gm_conv and gm_attn themselves.  gpu.h brings LAUNCH and, on a machine without
 * CUDA, CUDA. */
#include <gpu.h>
extern "C" {
#include <kernels.h>
}

enum { THREADS = 128, WARPS = THREADS / 32 };

/* Sum or maximum over the block; every thread gets it.  room: one float per warp. */
template <bool MAX> static __device__ float over_block(float v, float *room)
{
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    for (int x = 16; x; x /= 2) {
        float other = __shfl_xor_sync(FULL_WARP, v, x);
        v = MAX ? fmaxf(v, other) : v + other;
    }
    __syncthreads();                                        /* room may still be read */
    if (lane == 0) room[warp] = v;
    __syncthreads();                                        /* room is written */
    v = room[0];
    for (int i = 1; i < WARPS; i++) v = MAX ? fmaxf(v, room[i]) : v + room[i];
    return v;
}

/* One block to a row of x (R, C).  Mistakes to try, each of which is found:
 * leave out a barrier; write i <= C; leave out the maximum; room[WARPS - 1]; the mask 0xffff. */
__global__ void k_softmax(float *y, const float *x, int64_t C)
{
    __shared__ float room[WARPS];
    const float *xr = x + blockIdx.x * C;
    float *yr = y + blockIdx.x * C;
    float max = -INFINITY, part = 0;
    for (int64_t i = threadIdx.x; i < C; i += THREADS) max = fmaxf(max, xr[i]);
    max = over_block<true>(max, room);
    for (int64_t i = threadIdx.x; i < C; i += THREADS) part += expf(xr[i] - max);
    float sum = over_block<false>(part, room);
    for (int64_t i = threadIdx.x; i < C; i += THREADS) yr[i] = expf(xr[i] - max) / sum;
}

static int softmax(float *y, const float *x, int64_t R, int64_t C)
{
    LAUNCH(k_softmax, dim3((unsigned)R), dim3(THREADS), 0, 0, y, x, C);
    return gpu_status();                                    /* after every launch */
}

static gm_kernels make_table()
{
    gm_kernels t = gm_kernels();                            /* slots that are NULL are not yours */
    t.name = "mine";
    t.softmax = softmax;
    return t;
}
static const gm_kernels table = make_table();

extern "C" __attribute__((visibility("default"))) const gm_plugin glamm_plugin = {
    sizeof(gm_kernels), &table, GM_F32,                     /* what it computes in */
    NULL,                                                   /* slots that are not deterministic */
    1,                                                      /* device */
};
