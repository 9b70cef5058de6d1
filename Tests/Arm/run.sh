#!/usr/bin/env bash
# Builds the kernels for Arm and runs their tests under qemu-user. Skipped, loudly, where the packages cannot be had.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ "$(uname -m)" = x86_64 ] || { echo "SKIPPED: not an x86-64 machine; the Swift tests cover NEON here"; exit 0; }
packages="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static"
sudo=$([ "$(id -u)" = 0 ] || echo sudo)
if ! dpkg -s $packages >/dev/null 2>&1; then
  { $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $packages; } >/dev/null 2>&1 ||
    { echo "SKIPPED: $packages cannot be installed"; exit 0; }
fi
clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
out=.build/arm
mkdir -p $out
for source in Sources/CKernels/{neon,reference,dispatch}.c Tests/Arm/kernels.c; do
  "$clang" --target=aarch64-linux-gnu --sysroot=/usr/aarch64-linux-gnu -isystem /usr/aarch64-linux-gnu/include -I Sources/CKernels/include \
    -std=c2x -O3 -ffp-contract=off -fno-math-errno -Wall -Wextra -Werror -c "$source" -o "$out/$(basename "$source" .c).o"
done
aarch64-linux-gnu-gcc -static $out/*.o -lm -o $out/kernels
qemu-aarch64-static -cpu max $out/kernels
