# test_alloc.c counts and fails the allocations of everything that is linked statically.
$(B)/check: CHECK_LIBS += -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc,--wrap=free
