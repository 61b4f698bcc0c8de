/* Between emu.cc and device.cc. */
#ifndef GPU_EMU_STATE_H
#define GPU_EMU_STATE_H
#include "emu.h"

namespace emu {
extern cudaError_t last_error;
extern site unasked;                    /* the last launch, until its error is asked for; or file is
                                           NULL */
/* Stops the run when the launch before this call was not followed by cudaGetLastError. */
void asked(const char *file, int line);
bool capturing(cudaStream_t stream);
void take_down(std::function<void()> f);
}

#endif
