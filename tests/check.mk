# make check, asan, fuzz, install, demo.

# Programs of their own, beside build/check: they end with `N passed, N failed`.
PROOF   := $(B)/check $(B)/golden $(B)/glamm $(B)/verify

check: deps-check
	@$(MAKE) --no-print-directory all $(PROOF) $(EMU_PROOF)
	@bash tests/tally.sh '$(MAKE) --no-print-directory manifest-check' 'bash tests/size.sh' $(B)/check \
	    '$(B)/golden golden/tiny golden/mini golden/nano golden/wide golden/bf16' \
	    '$(B)/golden --backend cpu --model golden/mini/model --checkpoint golden/mini' \
	    '$(B)/golden --model golden/mini/model --packed golden/mini' \
	    'bash tests/golden_broken.sh $(B)/golden' \
	    'bash tests/tokenize.sh $(B)/glamm' 'bash tests/bad_inputs.sh $(B)/glamm' \
	    'bash tests/verify.sh $(B)/verify' 'bash tests/train.sh $(B)/glamm' 'bash tests/train_processes.sh $(B)/glamm' 'bash tests/emu.sh $(B)' 'bash tests/install.sh $(B)/installed' 'bash tests/docs.sh $(B)/glamm' '$(MAKE) --no-print-directory check-arm'

# The suite under both sanitizers; mini alone, the others take too long.  A length that no machine can
# allocate must come back as an error, so malloc may return NULL.
ASAN    := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
asan: deps-check
	@$(MAKE) --no-print-directory B=build/asan SAN='$(ASAN)' OPT='-O1 -g' asan-run
asan-run: all $(PROOF)
	@ASAN_OPTIONS=allocator_may_return_null=1:detect_stack_use_after_return=1 \
	 UBSAN_OPTIONS=print_stacktrace=1 CK_TIMEOUT_MULTIPLIER=10 GM_ALLOC_STEP=23 \
	 bash tests/tally.sh $(B)/check '$(B)/golden golden/mini' 'bash tests/bad_inputs.sh $(B)/glamm'

deps-build:
	@sh tests/deps.sh build
deps-check:
	@sh tests/deps.sh build check
deps-fuzz:
	@sh tests/deps.sh build fuzz

# GCG with the shipped model on a picture that it was not trained on: make demo [DEMO=NAME of models/nano/scenes].
DEMO    ?= demo
demo: deps-build
	@$(MAKE) --no-print-directory all
	$(B)/glamm run models/nano models/nano/scenes/$(DEMO).png --out out/demo
	@echo "The overlay is in out/demo:" && ls out/demo/*overlay*.png

# make fuzz SECONDS=n: each target its share, on a copy of its corpus; findings stay in build/fuzz.
# no-pass-failed: as in the Makefile.
SECONDS ?= 60
FUZZ_C  := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ    := $(FUZZ_C:tests/fuzz/%.c=build/fuzz/%)
fuzz: deps-fuzz
	@$(MAKE) --no-print-directory CC='clang -Wno-pass-failed' B=build/fuzz OPT='-O1 -g' \
	    SAN='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' fuzz-run
$(FUZZ): build/fuzz/%: build/fuzz/tests/fuzz/%.o build/fuzz/libglamm.a
	clang -fsanitize=fuzzer,address,undefined -fopenmp $^ $(LDLIBS) -o $@
fuzz-run: $(FUZZ)
	@bash tests/fuzz.sh $$(( $(SECONDS) / $(words $(FUZZ)) + 1 )) $(FUZZ)

DESTDIR ?=
SO      := libglamm.so.0
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include/glamm
	install -m 755 $(B)/glamm $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(B)/libglamm.a $(DESTDIR)$(PREFIX)/lib/
	install -m 755 $(B)/libglamm.so $(DESTDIR)$(PREFIX)/lib/$(SO)
	ln -sf $(SO) $(DESTDIR)$(PREFIX)/lib/libglamm.so
	@[ ! -f $(B)/libglamm_cuda.so ] || install -m 755 $(B)/libglamm_cuda.so $(DESTDIR)$(PREFIX)/lib/
	install -m 644 ref/glamm.h ref/kernels.h $(DESTDIR)$(PREFIX)/include/glamm/
	@printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$${prefix}/lib' 'includedir=$${prefix}/include/glamm' '' \
	    'Name: glamm' 'Description: GLaMM, the pixel-grounding multimodal model, in C' \
	    'Version: '"$$(sed -n 's/^#define GM_VERSION "\(.*\)"/\1/p' ref/glamm.h)" \
	    'Libs: -L$${libdir} -lglamm' 'Libs.private: -fopenmp $(LDLIBS)' 'Cflags: -I$${includedir}' \
	    > $(DESTDIR)$(PREFIX)/lib/pkgconfig/glamm.pc
.PHONY: check asan asan-run demo fuzz fuzz-run install deps-build deps-check deps-fuzz
