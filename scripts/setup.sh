#!/usr/bin/env bash
# Installs what `cargo xtask test` needs beyond Rust itself, and says what it does. Run it as often as you like.
#
#   scripts/setup.sh              everything below
#   scripts/setup.sh PART...      only these parts: tools, portable, emulator, peers
#
# tools     Debian packages: chromium (the page's test), nodejs and npm (the page's build), python3-venv (the peers),
#           tshark (the dissector's test), gcc and g++ (linking; libFuzzer).
# portable  a Rust for the bare-metal targets. In this order: a toolchain that already has them; `rustup target
#           add`, only if you ask for it with FERRARIS_RUSTUP=1 (it downloads from the Rust project's servers, which
#           closed build machines do not reach); Debian's rustc-web, linked as the toolchain `debian`.
# emulator  Debian's qemu-system-arm, on which `cargo xtask firmware test` runs the meter's image.
# peers     the independent DLMS clients, pinned, each in its own Python environment under .venv/.
#
# Packages are installed as root or through a sudo that asks nothing; otherwise the command to run is printed and the
# script fails. The last line of the portable part is the toolchain argument that fits, for example
# `toolchain: +stable` or `toolchain: +debian`; `cargo xtask portable` finds it by itself.
set -euo pipefail
cd "$(dirname "$0")/.."

targets=(thumbv7em-none-eabihf thumbv8m.main-none-eabihf)

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_install() {
    command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

installed() { [ "$(dpkg-query -W -f '${Status}' "$1" 2>/dev/null)" = 'install ok installed' ]; }

apt_updated=
apt_install() {
    may_install || fail "please run: sudo apt-get update && sudo apt-get install -y --no-install-recommends $*"
    say "apt-get install $*"
    if [ -z "$apt_updated" ]; then as_root apt-get update -qq; apt_updated=yes; fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# ---------------------------------------------------------------------------------------------------------------------

tools() {
    local wanted=()
    command -v chromium >/dev/null || command -v google-chrome >/dev/null || wanted+=(chromium)
    command -v node >/dev/null || wanted+=(nodejs)
    command -v npm >/dev/null || wanted+=(npm)
    python3 -c 'import ensurepip, venv' 2>/dev/null || wanted+=(python3 python3-venv)
    command -v tshark >/dev/null || wanted+=(tshark)
    command -v cc >/dev/null || wanted+=(gcc libc6-dev)
    command -v c++ >/dev/null || wanted+=(g++)
    if [ ${#wanted[@]} -gt 0 ]; then apt_install "${wanted[@]}"; fi
    for component in fmt clippy; do
        cargo "$component" --version >/dev/null 2>&1 || fail "cargo $component is missing: rustup component add ${component/fmt/rustfmt}"
    done
    say "tools are there: node $(node --version), npm $(npm --version), $(python3 --version)"
}

# ---------------------------------------------------------------------------------------------------------------------

# Whether the compiler called with these arguments has a `core` for every target.
has_targets() {
    local sysroot target
    sysroot=$("$@" --print sysroot 2>/dev/null) || return 1
    for target in "${targets[@]}"; do
        compgen -G "$sysroot/lib/rustlib/$target/lib/libcore-*.rlib" >/dev/null || return 1
    done
}

default_toolchain() { rustup show active-toolchain 2>/dev/null | sed 's/^\([^- ]*\).*/+\1/'; }

portable() {
    if has_targets rustc; then
        say "the default toolchain has ${targets[*]}"
        echo "toolchain: $(default_toolchain)"
        return
    fi
    if [ "${FERRARIS_RUSTUP:-0}" = 1 ]; then
        say "rustup target add ${targets[*]}"
        rustup target add "${targets[@]}"
        echo "toolchain: $(default_toolchain)"
        return
    fi
    if ! may_install && ! has_targets rustc +debian; then
        fail "no Rust for ${targets[*]}. Either: FERRARIS_RUSTUP=1 scripts/setup.sh portable
       or, on Debian 12 and later, as root: scripts/setup.sh portable"
    fi
    debian_toolchain
    echo 'toolchain: +debian'
}

# Debian 12 carries a current rustc (packages *-web, kept for browsers) with the sources of `core`, but without a `core`
# built for the targets and without rust-lld. Both are added once, beside Debian's own files; nothing is replaced.
debian_toolchain() {
    local missing=()
    for package in rustc-web cargo-web rust-web-src lld-22; do installed "$package" || missing+=("$package"); done
    if [ ${#missing[@]} -gt 0 ]; then apt_install "${missing[@]}"; fi

    if [ "$(rustc +debian --print sysroot 2>/dev/null)" != /usr ]; then
        say 'rustup toolchain link debian /usr'
        rustup toolchain link debian /usr
    fi

    local host linker
    host=$(/usr/bin/rustc -vV | sed -n 's/^host: //p')
    linker=/usr/lib/rustlib/$host/bin/rust-lld
    if [ ! -e "$linker" ]; then
        say "$linker -> lld-22"
        as_root mkdir -p "$(dirname "$linker")"
        as_root ln -sfn /usr/bin/lld-22 "$linker"
    fi

    local target
    for target in "${targets[@]}"; do debian_core "$target"; done
}

# Builds `core` for one target into Debian's toolchain. The stamp is this compiler's: after an upgrade of rustc-web, core is
# built anew.
debian_core() {
    local target=$1
    local stamp=/usr/lib/rustlib/$target/ferraris-stamp into=/usr/lib/rustlib/$target/lib
    if [ "$(cat "$stamp" 2>/dev/null)" = "$(/usr/bin/rustc -vV)" ] && compgen -G "$into/libcore-*.rlib" >/dev/null; then
        say "Debian's toolchain has $target"
        return
    fi
    say "building core for $target into Debian's toolchain (about half a minute)"
    local work
    work=$(mktemp -d)
    mkdir -p "$work/src"
    echo '#![no_std]' > "$work/src/lib.rs"
    printf '[package]\nname = "sysroot"\nversion = "0.0.0"\nedition = "2024"\n\n[workspace]\n' > "$work/Cargo.toml"
    # Bitcode, or link-time optimisation fails later with "Can't find section .llvmbc".
    (cd "$work" && RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Cembed-bitcode=yes CARGO_TARGET_DIR=$work/target \
        cargo +debian build --quiet --release -Zbuild-std=core,alloc --target "$target")
    as_root mkdir -p "$into"
    as_root find "$into" -name '*.rlib' -delete
    for crate in core alloc compiler_builtins; do
        as_root cp "$work/target/$target/release/deps/lib$crate"-*.rlib "$into/"
    done
    /usr/bin/rustc -vV | as_root tee "$stamp" >/dev/null
    rm -rf "$work"
    # Cargo does not notice a new sysroot: what was built against the old one would fail with E0463.
    rm -rf "${CARGO_TARGET_DIR:-target}/portable" "${CARGO_TARGET_DIR:-target}/firmware"
}

emulator() {
    command -v qemu-system-arm >/dev/null || apt_install qemu-system-arm
    say "$(qemu-system-arm --version | head -n 1)"
}

# ---------------------------------------------------------------------------------------------------------------------

peers() {
    for peer in gurux dlms-cosem pydlms; do
        local list=interop/$peer.txt venv=.venv/$peer
        if cmp -s "$list" "$venv/installed.txt" && "$venv/bin/python" -c '' 2>/dev/null; then
            say "$venv is as $list says"
            continue
        fi
        say "$venv from $list"
        rm -rf "$venv"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$list"
        "$venv/bin/pip" check >/dev/null
        cp "$list" "$venv/installed.txt"
    done
}

# ---------------------------------------------------------------------------------------------------------------------

if [ $# -eq 0 ]; then set -- tools portable emulator peers; fi
for part in "$@"; do
    case $part in
        tools | portable | emulator | peers) "$part" ;;
        *) fail "no part called $part; there are tools, portable, emulator and peers" ;;
    esac
done
