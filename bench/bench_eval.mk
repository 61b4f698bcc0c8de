# glamm eval beside pycocotools and pycocoevalcap: docs/EVAL.md.  make bench-eval [IMAGES=5000] [ORIGINALS=400]
# [EVAL_PYTHON=..]; without it a venv with both is made in build/ from PyPI.  Their METEOR and tokenizer need java.
IMAGES      ?= 5000
ORIGINALS   ?= 400
EVAL_PYTHON ?= $(B)/eval-venv/bin/python
$(B)/make-eval-set: $(B)/bench/eval/make_set.o $(B)/libglamm.a
	$(CC) $(SAN) -fopenmp $^ $(LDLIBS) -o $@
$(B)/eval-venv/bin/python:
	python3 -m venv $(B)/eval-venv && $@ -m pip -q install numpy pycocotools pycocoevalcap
bench-eval: $(B)/glamm $(B)/make-eval-set $(EVAL_PYTHON)
	python3 bench/eval/bench_eval.py $(B)/glamm $(B)/make-eval-set $(B)/bench-eval --images $(IMAGES) \
	    --originals $(ORIGINALS) --python $(EVAL_PYTHON)
PROOF += $(B)/make-eval-set
.PHONY: bench-eval

# A model on scenes that training never saw: make eval-nano [MODEL=models/nano] [SCENES=200] [EVAL_NANO="--sets a -t 2"].
# The sets, predictions and table.json stay in build/eval-nano.
MODEL  ?= models/nano
SCENES ?= 200
eval-nano: $(B)/glamm
	@mkdir -p $(B)/eval-nano
	@bash bench/eval/nano.sh bench/eval/nano.py $(B)/glamm $(B)/eval-nano --model $(MODEL) --scenes $(SCENES) $(EVAL_NANO)
# Twenty of their answers as one picture: make eval-nano-sheet [SHEET="ab 20 0"] (sets, how many, from which scene on).
SHEET  ?= ab 20
eval-nano-sheet:
	@bash bench/eval/nano.sh bench/eval/nano_sheet.py $(B)/eval-nano $(B)/eval-nano/sheet.png $(SHEET)
# The measures themselves: PyTorch's on the golden's model and scenes.
check-eval-nano: $(B)/glamm
	@mkdir -p $(B)/eval-nano
	@bash bench/eval/nano.sh bench/eval/nano.py $(B)/glamm $(B)/eval-nano --model models/nano --check golden/nano/quality.json
.PHONY: eval-nano eval-nano-sheet check-eval-nano
