#!/usr/bin/env bash
# The VEX build of the 256-bit VNNI kernels on a machine that lacks that encoding: no AVX-512 instruction is in it, and as it was
# compiled, registers and all, it gives the reference's bits once its multiplications are assembled in AVX-512's encoding.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ "$(uname -m)" = x86_64 ] || { echo "SKIPPED: not an x86-64 machine"; exit 0; }
clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
flags="-I Sources/CKernels/include -std=c2x -O3 -ffp-contract=off -fno-math-errno -Wall -Wextra -Werror"
out=.build/avxvnni
rm -rf $out
mkdir -p $out
for source in Sources/CKernels/{avx2,avx512vnni,reference,dispatch}.c Tests/Arm/kernels.c; do
  "$clang" $flags -c "$source" -o "$out/$(basename "$source" .c).o"
done
"$clang" $flags -S Sources/CKernels/avxvnni.c -o $out/vex.s
"$clang" -c $out/vex.s -o $out/vex.o
code=$(objdump -d $out/vex.o)
grep -qE $'\tc4 .*vpdpbusd' <<<"$code" || { echo "FAIL no VNNI in the VEX build"; exit 1; }
! grep -E $'\t62 |%zmm|%k[0-7]' <<<"$code" || { echo "FAIL AVX-512 in the VEX build"; exit 1; }
if grep -qw avx_vnni /proc/cpuinfo; then echo "SKIPPED: this machine has AVX-VNNI; the Swift tests run it"; exit 0; fi
grep -qw avx512_vnni /proc/cpuinfo || { echo "SKIPPED: no VNNI in this processor"; exit 0; }
# `{vex}` is what tells the assembler to encode it so. The table takes the place of the one that is in AVX-512's encoding anyway.
sed -E 's/\{vex\}[[:space:]]+vpdpbusd/vpdpbusd/; s/ssat_avxvnni_kernels/ssat_avxvnni_evex_kernels/' $out/vex.s >$out/evex.s
"$clang" -march=native -c $out/evex.s -o $out/evex.o
"$clang" $out/*.o -lm -o $out/kernels
$out/kernels avxvnni
