# make check-arm: library, kernel cases and program built for aarch64, statically, and run by qemu.
ARM     := aarch64-linux-gnu
ARM_B   := $(B)/arm
ARM_ROOT := $(ARM_B)/root/usr
check-arm:
	@if bash tests/arm_root.sh $(ARM_B)/root; then \
	    $(MAKE) --no-print-directory B=$(ARM_B) CC=$(ARM)-gcc LD=$(ARM)-ld AR=$(ARM)-ar JPEG=$(JPEG) \
	        OPT='$(OPT) -isystem $(ARM_ROOT)/include/$(ARM)/openblas-openmp -isystem $(ARM_ROOT)/include' \
	        LDLIBS='-static -L$(ARM_ROOT)/lib/$(ARM)/openblas-openmp -L$(ARM_ROOT)/lib/$(ARM) $(LDLIBS)' \
	        $(patsubst %,$(ARM_B)/%,glamm verify check golden) && \
	    bash tests/arm.sh $(ARM_B); \
	else echo '0 passed, 0 failed'; fi
.PHONY: check-arm
