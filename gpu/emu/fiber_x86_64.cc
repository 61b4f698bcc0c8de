/* See fiber.h.  System V calling convention: six registers belong to the caller. */
#include "fiber.h"

#include <string.h>

asm(".text\n"
    ".globl fiber_switch\n"
    ".hidden fiber_switch\n"
    ".type fiber_switch, @function\n"
    "fiber_switch:\n"
    "    push %rbp\n    push %rbx\n    push %r12\n    push %r13\n    push %r14\n    push %r15\n"
    "    mov %rsp, (%rdi)\n"
    "    mov %rsi, %rsp\n"
    "    pop %r15\n    pop %r14\n    pop %r13\n    pop %r12\n    pop %rbx\n    pop %rbp\n"
    "    ret\n"
    ".size fiber_switch, . - fiber_switch\n");

void *fiber_new(char *stack, size_t bytes, void (*entry)())
{
    void **sp = reinterpret_cast<void **>(stack + bytes);
    *--sp = nullptr;                                        /* entry never returns */
    *--sp = reinterpret_cast<void *>(entry);
    sp -= 6;
    memset(sp, 0, 6 * sizeof *sp);
    return sp;
}
