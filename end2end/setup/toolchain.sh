#!/bin/bash
# toolchain.sh - prints the +TOOLCHAIN that can build for wasm32 ("" = the default one), making one if there is none.
# Order: the default toolchain has the target; Debian's compiler was made ready here before (asking rustup again would cost its time
# limit at every build); rustup can fetch the target; else Debian's compiler with a standard library built here once.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

TARGET=wasm32-unknown-unknown
OURS=quorate-wasm # the name under which rustup knows Debian's toolchain
source_of() { echo "$(rustc ${1:+"$1"} --print sysroot)/lib/rustlib/src/rust/library/std"; }
has_target() { local root; root=$(rustc ${1:++$1} --print sysroot 2>/dev/null) && ls "$root/lib/rustlib/$TARGET/lib/"libstd-*.rlib &>/dev/null; }

# toolchain.sh source +TOOLCHAIN: whether the standard library's source is there, for a build of its own; fetched where rustup can.
if [[ ${1:-} = source ]]; then
  [[ -d $(source_of "$2") ]] && exit
  [[ -z $2 ]] && have rustup && timeout "${QUORATE_RUSTUP_SECONDS:-120}" rustup component add rust-src >&2 && [[ -d $(source_of "$2") ]] && exit
  say "the standard library's source is not to be had here: the browser half gets larger than it need be"
  exit 1
fi

if [[ ${QUORATE_WASM:-} != debian ]]; then
  if has_target ""; then exit; fi
  if have rustup && has_target "$OURS"; then echo "+$OURS"; exit; fi
  if have rustup && timeout "${QUORATE_RUSTUP_SECONDS:-120}" rustup target add "$TARGET" >&2 && has_target ""; then exit; fi
  say "rustup could not fetch $TARGET; using Debian's Rust for the browser half"
fi
if have rustup && has_target "$OURS"; then echo "+$OURS"; exit; fi

have rustup || die "the default Rust toolchain has no $TARGET, and there is no rustup to add another one"
packages=(rustc-web cargo-web rust-web-src rustfmt-web rust-web-clippy lld-19)
dpkg -s "${packages[@]}" &>/dev/null || apt_install "${packages[@]}"
rustup toolchain link "$OURS" /usr
# Debian's lld decides by the name it is called; rustc wants the generic driver as rust-lld.
have rust-lld || as_root ln -sf /usr/lib/llvm-19/bin/lld /usr/local/bin/rust-lld

if ! has_target "$OURS"; then
  say "building the standard library for $TARGET (once, about a minute)"
  empty=$(mktemp -d); trap 'rm -rf "$empty"' EXIT
  mkdir "$empty/src"; : >"$empty/src/lib.rs"
  printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2024"\n' >"$empty/Cargo.toml"
  (cd "$empty" && RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$empty/target cargo "+$OURS" build --release --target "$TARGET" \
    -Zbuild-std=std,panic_abort,proc_macro) >&2
  libs=/usr/lib/rustlib/$TARGET/lib
  # Whole or not at all: a copy that was cut short would count as a toolchain that has the target.
  as_root rm -rf "$libs" "$libs.part"
  as_root mkdir -p "$libs.part"
  find "$empty/target/$TARGET/release/deps" -name '*.rlib' ! -name 'libempty-*' -print0 | as_root xargs -0 cp -t "$libs.part"
  as_root mv "$libs.part" "$libs"
  has_target "$OURS" || die "the standard library for $TARGET did not build"
fi
echo "+$OURS"
