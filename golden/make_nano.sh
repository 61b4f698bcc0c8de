#!/bin/bash
# usage: GLAMM_SRC=.. golden/make_nano.sh     Everything in the tree that follows from the weights in models/nano, made anew: golden/nano (by PyTorch; PYTHON, default
# python3, needs what golden/oracle/README.md lists), the answers and numbers quoted in docs/CLI.md and docs/WALKTHROUGH.md, docs/walkthrough's pictures, golden/MANIFEST.
# Then `make golden` and `bash tests/docs.sh build/glamm` hold by construction; what the documents' sentences say of the numbers is to be read again.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3} new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
"$python" golden/oracle/nano_cases.py models/nano "$new"
rm -rf golden/nano/cases
cp -r "$new"/. golden/nano/
golden/link.sh
make --no-print-directory all
"$python" golden/quote.py build/glamm
make --no-print-directory manifest
