# One update of training beside the authors' PyTorch: docs/SPEED.md.  make bench-train [TRAIN_PYTHON=..] [BENCH="--threads 1 --processes 1"]
# TRAIN_PYTHON: a venv as golden/oracle/README.md says; $GLAMM_SRC: the authors' checkout.
TRAIN_PYTHON ?= python3
$(B)/train-step: $(B)/bench/train/step.o $(B)/libglamm.a
	$(CC) $(SAN) -fopenmp $^ $(LDLIBS) -o $@
bench-train: BENCH ?= --processes 2
bench-train: $(B)/train-step
	$(TRAIN_PYTHON) bench/train/bench_train.py $(B)/train-step $(B)/bench-train $(BENCH)
PROOF += $(B)/train-step
.PHONY: bench-train
