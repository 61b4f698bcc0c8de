#!/bin/sh
# usage: deps.sh SET...     SETs: build, check, fuzz, mpi, arm.  Installs the Debian packages that are missing: as
# root, or through sudo where it asks no password; else prints the command and fails.
set -u

# package                reason
packages() {
    case $1 in
    build) echo "gcc                      the compiler, and its OpenMP
make                     the build
pkg-config               finds libjpeg-turbo
libopenblas-openmp-dev   matrix products of the cpu table; the openmp build shares its threads with our loops
libjansson-dev           JSON
libstb-dev               reads PNG, BMP, JPEG; draws text
libstemmer-dev           the stems that METEOR compares
libxxhash-dev            keys of kept image embeddings
libutf8proc-dev          accents and punctuation for BERT's tokens
zlib1g-dev               compresses the PNGs that are written, unpacks METEOR's lists
libturbojpeg0-dev        reads JPEG to the same bits as the authors' OpenCV" ;;
    check) echo "check                    the test framework
libsubunit-dev           check's library asks for it
g++                      the emulated GPU, on which the CUDA kernels are tested" ;;
    arm) echo "gcc-aarch64-linux-gnu    make check-arm: the build for aarch64
libc6-dev-arm64-cross    its C library
qemu-user-static         runs what was built" ;;
    mpi) echo "libopenmpi-dev           make MPI=1: training by several processes
openmpi-bin              mpirun" ;;
    fuzz) echo "clang                    libFuzzer
libclang-rt-dev          the sanitizers' and libFuzzer's run time" ;;
    *) echo "deps.sh: no such set: $1" >&2; exit 2 ;;
    esac
}

command -v dpkg-query > /dev/null 2>&1 || {
    echo "Not Debian: nothing is installed for you.  Needed, by their Debian names:"
    for set in "$@"; do packages "$set"; done
    exit 0
}

missing=
for set in "$@"; do
    for p in $(packages "$set" | cut -d' ' -f1); do
        dpkg-query -W -f '${Status}' "$p" 2> /dev/null | grep -q 'ok installed' || missing="$missing $p"
    done
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then as=; elif sudo -n true 2> /dev/null; then as="sudo -n"; else as=none; fi
if [ "$as" = none ]; then
    echo "Packages are missing.  Please run:  sudo apt-get install -y$missing" >&2
    exit 1
fi
echo "installing:$missing" >&2
# shellcheck disable=SC2086
{ $as apt-get install -y -q $missing || { $as apt-get update -q && $as apt-get install -y -q $missing; }; } >&2 || {
    echo "Could not install.  Please run:  apt-get update && apt-get install -y$missing" >&2
    exit 1
}
