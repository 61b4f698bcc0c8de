#!/bin/bash
# usage: arm_root.sh DIR     What a build for aarch64 needs: the cross compiler and qemu, installed, and Debian's aarch64
# libraries, unpacked below DIR and not installed (5 MB).  Their package lists are apt's too, but kept below DIR: this
# machine's own do not change.  Exit status 1, after saying why, where that is not to be had.
set -u
dir=$1 lists=$1/apt
no() { echo "make check-arm skipped: $1"; exit 1; }

sh "$(dirname "$0")/deps.sh" arm
for tool in aarch64-linux-gnu-gcc qemu-aarch64-static; do
    command -v $tool > /dev/null || no "there is no $tool (Debian: gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user-static)"
done
[ ! -e "$dir/complete" ] || exit 0
command -v apt-get > /dev/null && command -v dpkg-deb > /dev/null || no "the aarch64 libraries come by apt-get and dpkg-deb"

packages="libopenblas-openmp-dev libjansson-dev libstb-dev libstemmer-dev libxxhash-dev libutf8proc-dev zlib1g-dev
    libturbojpeg0-dev check libsubunit-dev"
mkdir -p "$lists/lists/partial" "$lists/archives/partial" "$lists/debs" || exit 1
at=$(cd "$lists" && pwd)
apt() {
    apt-get -q -o Dir::State="$at" -o Dir::Cache="$at" -o Dir::State::status=/dev/null -o APT::Architecture=arm64 \
        -o APT::Architectures::=arm64 -o APT::Sandbox::User= -o Acquire::Languages=none \
        -o 'APT::Update::Post-Invoke-Success::=' "$@"
}
# One list that cannot be had need not be the one that is wanted: what counts is the download.
apt update > "$at/log" 2>&1
# shellcheck disable=SC2086
(cd "$at/debs" && apt download $packages) >> "$at/log" 2>&1 || no "the aarch64 packages cannot be downloaded ($lists/log)"
for deb in "$at"/debs/*.deb; do dpkg-deb -x "$deb" "$dir" || no "$deb cannot be unpacked"; done
rm -rf "$at"
touch "$dir/complete"
