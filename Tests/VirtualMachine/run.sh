#!/usr/bin/env bash
# Boots the virtual machine and runs inside.sh in it. Prints its lines; ends with "N passed, N failed".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(cd "$here/../.." && pwd)/.build/virtual-machine
"$here/prepare.sh"
log=$work/console.log
timeout "${SSAT_VM_SECONDS:-600}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 2048 -nographic -no-reboot \
  -kernel "$work/vmlinuz" -initrd "$work/initramfs.gz" -append "console=ttyS0 quiet panic=-1 tests=$here ${*:-}" \
  -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap >"$log" 2>&1 </dev/null || true
tr -d '\r' <"$log" | grep -E '^(PASS|FAIL|NOTE) ' || true
passed=$(grep -c '^PASS ' "$log" || true) failed=$(grep -c '^FAIL ' "$log" || true)
grep -q '^DONE' "$log" || { failed=$((failed + 1)); echo "FAIL the virtual machine did not come to its end; see $log"; }
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
