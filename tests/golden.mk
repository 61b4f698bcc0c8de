# Goldens: the runner, and their MANIFEST.

# make golden [GOLDEN="DIR ..."] [BACKEND=ref|cpu|cuda] [CASE=NAME] [V=1]
# cuda: on a GPU where there are one and nvcc, else on the emulated one (mini a minute or two, tiny some ten minutes).
GOLDEN  ?= golden/tiny golden/mini golden/nano golden/bf16
GOLDEN_ARGS = $(if $(BACKEND),--backend $(BACKEND)) $(if $(CASE),--case $(CASE)) $(if $(V),--all) $(GOLDEN)
GOLDEN_O := $(patsubst %.c,$(B)/%.o,$(wildcard tests/golden*.c)) $(B)/tests/compare.o

$(B)/golden: $(GOLDEN_O) $(B)/libglamm.a
	$(CC) $(SAN) -fopenmp $^ $(LDLIBS) -o $@
golden: $(B)/golden
ifeq ($(BACKEND),cuda)
	@$(MAKE) --no-print-directory $(GPU_LIBRARY)
endif
	$(if $(filter cuda,$(BACKEND)),$(GPU_RUN)) $(B)/golden $(GOLDEN_ARGS)

# SHA-256 of every golden; one missing, changed or unlisted file fails.
MANIFEST_FILES = find golden -xtype f ! -path golden/MANIFEST | LC_ALL=C sort
manifest-check:
	@sha256sum --quiet -c golden/MANIFEST
	@$(MANIFEST_FILES) | cmp -s - <(sed 's/^[^ ]*  //' golden/MANIFEST) || \
	    { echo "golden/MANIFEST does not list the files that are there"; exit 1; }
	@echo "1 passed, 0 failed: golden/MANIFEST, $$(wc -l < golden/MANIFEST) files"
manifest:
	$(MANIFEST_FILES) | tr '\n' '\0' | xargs -0 sha256sum > golden/MANIFEST
manifest-check manifest: SHELL := /bin/bash
.PHONY: golden manifest-check manifest
