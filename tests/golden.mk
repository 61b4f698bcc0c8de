# Goldens and their MANIFEST.
MANIFEST_FILES = find golden models/nano -type f ! -path golden/MANIFEST | LC_ALL=C sort
# SHA-256 of every golden; one missing, changed or unlisted file fails.
manifest-check:
	@sha256sum --quiet -c golden/MANIFEST
	@$(MANIFEST_FILES) | cmp -s - <(sed 's/^[^ ]*  //' golden/MANIFEST) || \
	    { echo "golden/MANIFEST does not list the files that are there"; exit 1; }
	@echo "golden/MANIFEST: $$(wc -l < golden/MANIFEST) files as listed"
manifest:
	$(MANIFEST_FILES) | tr '\n' '\0' | xargs -0 sha256sum > golden/MANIFEST
manifest-check manifest: SHELL := /bin/bash
.PHONY: manifest-check manifest
