/* Switching stacks.  fiber_x86_64.cc: twelve instructions; fiber_ucontext.cc: any POSIX system, ten
 * times slower.  The Makefile chooses. */
#ifndef GPU_EMU_FIBER_H
#define GPU_EMU_FIBER_H
#include <stddef.h>

/* A stack of so many bytes at which entry() will start; what fiber_switch takes. */
void *fiber_new(char *stack, size_t bytes, void (*entry)());
/* Leaves the running stack, which *from will name, for `to`. */
extern "C" void fiber_switch(void **from, void *to);

#endif
