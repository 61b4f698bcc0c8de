#!/bin/bash
# usage: gpu/emu/run.sh COMMAND...     Runs a program of build/ with the emulated GPU behind --backend cuda:
#     gpu/emu/run.sh build/glamm info models/nano --backend cuda
# The emulation is built with the address sanitizer, whose library must be there before the program.
root=$(cd "$(dirname "$0")/../.." && pwd)
export GLAMM_CUDA=${GLAMM_CUDA:-$root/build/libglamm_emu.so}
export ASAN_OPTIONS=detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}
export UBSAN_OPTIONS=print_stacktrace=1
LD_PRELOAD=$(${CXX:-g++} -print-file-name=libasan.so) exec "$@"
