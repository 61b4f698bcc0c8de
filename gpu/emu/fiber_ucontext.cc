/* See fiber.h.  POSIX.1-2001. */
#include "fiber.h"

#include <stdlib.h>
#include <ucontext.h>

void *fiber_new(char *stack, size_t bytes, void (*entry)())
{
    /* The context lies at the stack's foot, which entry grows towards and must not reach. */
    ucontext_t *u = reinterpret_cast<ucontext_t *>(stack);
    size_t own = (sizeof *u + 63) / 64 * 64;
    getcontext(u);
    u->uc_stack.ss_sp = stack + own;
    u->uc_stack.ss_size = bytes - own;
    u->uc_link = nullptr;
    makecontext(u, entry, 0);
    return u;
}

extern "C" void fiber_switch(void **from, void *to)
{
    static ucontext_t scheduler;
    if (!*from) *from = &scheduler;
    swapcontext(static_cast<ucontext_t *>(*from), static_cast<ucontext_t *>(to));
}
