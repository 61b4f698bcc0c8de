# Training: nano from nothing, several processes.

# make train-nano [OUT=DIR] [PROCESSES=1]: models/nano's recipe (docs/TRAINING.md); goes on where it was ended.
train-nano: OUT ?= out/nano
train-nano: PROCESSES ?= 2
train-nano: $(B)/glamm
	$(B)/glamm train train/nano.conf --out $(OUT) --processes $(PROCESSES) --resume

# make check-mpi: two processes against one; builds with MPI=1 under build/mpi.
check-mpi: $(B)/glamm
	@sh tests/deps.sh mpi
	@$(MAKE) --no-print-directory MPI=1 B=build/mpi build/mpi/glamm
	@bash tests/train_mpi.sh $(B)/glamm build/mpi/glamm
.PHONY: train-nano check-mpi
