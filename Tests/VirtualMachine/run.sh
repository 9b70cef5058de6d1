#!/usr/bin/env bash
# Boots the virtual machine and runs inside.sh in it. Prints its lines; ends with "N passed, N failed".
#   run.sh [--where-possible] [NAME...]   only the parts of inside.sh that are named; with --where-possible, a machine that
#                                         cannot have the virtual machine is no failure
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(cd "$here/../.." && pwd)/.build/virtual-machine
optional=; [ "${1:-}" = --where-possible ] && { optional=yes; shift; }
code=0; reason=$("$here/prepare.sh" 2>&1) || code=$?
if [ $code != 0 ]; then
  if [ $code = 75 ] && [ -n "$optional" ]; then
    printf '\n%s\nSKIPPED: the tests on real camera drivers (make test-webcam): %s\n%s\n\n' "$(printf '=%.0s' {1..100})" "$reason" "$(printf '=%.0s' {1..100})"
    exit 0
  fi
  echo "$reason"; echo "FAIL the virtual machine cannot be prepared"; echo "0 passed, 1 failed"; exit 1
fi
[ -z "$reason" ] || echo "NOTE $reason"
log=$work/console.log
# An emulated processor: KVM inside a virtual machine, as CI has it, often does not come up.
timeout "${SSAT_VM_SECONDS:-900}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 2048 -nographic -no-reboot \
  -kernel "$work/vmlinuz" -initrd "$work/initramfs.gz" -append "console=ttyS0 quiet panic=-1 tests=$here parts=$(IFS=,; echo "$*")" \
  -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap >"$log" 2>&1 </dev/null || true
tr -d '\r' <"$log" | grep -aE '^(PASS|FAIL|NOTE) ' || true
passed=$(grep -ac '^PASS ' "$log" || true) failed=$(grep -ac '^FAIL ' "$log" || true)
grep -aq '^DONE' "$log" || { failed=$((failed + 1)); echo "FAIL the virtual machine did not come to its end; see $log"; }
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
