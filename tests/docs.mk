# The documents against the tree and the program: make docs-check.
docs-check: all
	bash tests/docs.sh $(B)/glamm
.PHONY: docs-check
