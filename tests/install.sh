#!/bin/bash
# usage: install.sh DIR     make install into DIR, then the example built against it as an outsider would
# (pkg-config, static and shared) and run.
set -u
dir=$(realpath -m "$1")
passed=0 failed=0
ok() {
    if "${@:2}" > "$dir/log" 2>&1; then passed=$((passed + 1)); else
        failed=$((failed + 1)); echo "FAIL: $1: ${*:2}"; cat "$dir/log"
    fi
}
rm -rf "$dir" && mkdir -p "$dir"
ok "make install" make --no-print-directory install DESTDIR="$dir/root" PREFIX=/opt/glamm
prefix=$dir/root/opt/glamm
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dir/root LD_LIBRARY_PATH=$prefix/lib
flags() { pkg-config "$@" glamm; }
cc=${CC:-cc}
image=golden/nano/scenes/demo.png
# shellcheck disable=SC2046
ok "shared" "$cc" -std=c11 -Wall -Wextra -Werror examples/segment.c $(flags --cflags --libs) -o "$dir/segment"
# shellcheck disable=SC2046
ok "static" "$cc" -std=c11 examples/segment.c $(flags --cflags) "$prefix/lib/libglamm.a" \
    $(flags --libs --static | sed 's/-lglamm//') -o "$dir/segment-static"
shown() { nm -D --defined-only "$prefix/lib/libglamm.so" | sed 's/.* //' | sort; }
declared() { sed -nE 's/^[a-z].*[ *](gm_[a-z_0-9]+)\(.*/\1/p' ref/glamm.h ref/kernels.h | sort; }
ok "shows what its headers declare" diff <(declared) <(shown)
ok "soname" grep -q libglamm.so.0 <(readelf -d "$dir/segment")
ok "run, shared" "$dir/segment" models/nano "$image" "$dir/shared.png"
ok "run, static" "$dir/segment-static" models/nano "$image" "$dir/static.png"
ok "same result" cmp "$dir/shared.png" "$dir/static.png"
ok "program" "$prefix/bin/glamm" --version
ok "kernels.h alone" "$cc" -std=c11 -Wall -Werror -x c -fsyntax-only "$prefix/include/glamm/kernels.h"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
