#!/usr/bin/env bash
# Runs in the virtual machine, on the kernel's own drivers. Prints PASS or FAIL and a name for each test.
cd /tmp
here=$(sed -n 's/.*tests=\([^ ]*\).*/\1/p' /proc/cmdline)
work=$here/../../.build/virtual-machine
live=$here/../../.build/release/ssat-live
rig=$work/rig
reference=$here/../../samples/plum.jpg
clip=$work/clip.yuyv noface=$work/noface.yuyv
W=320 H=240
insmod /tmp/modules/v4l2loopback.ko devices=3 video_nr=20,21,22 exclusive_caps=1,1,0 card_label=camera,virtual,open
sleep 0.5
players=()
play() { "$rig" play /dev/video20 "$1" $W $H "${2:-4}" >/tmp/play.log 2>&1 & player=$!; players+=($player); sleep 0.7; }
stop() { kill "$@" 2>/dev/null; wait "$@" 2>/dev/null; }
webcam() { exec "$live" webcam -r "$reference" --progress none "$@"; }
check() { # NAME CONDITION... : the condition is a command
  local name=$1; shift
  if "$@" >/dev/null 2>&1; then echo "PASS $name"; else echo "FAIL $name${detail:+: $detail}"; fi
  detail=
}
number() { sed -n "s/.*$1 \([0-9]*\).*/\1/p" <<<"$2"; }
until_made() { # waits until the virtual camera shows something else than the placeholder
  for _ in $(seq 60); do
    "$rig" read "$1" 1 2 /tmp/one.yuv >/dev/null 2>&1
    [ "$(number flat "$("$rig" compare /tmp/one.yuv /tmp/one.yuv $W $H)")" = 0 ] && return 0
    sleep 0.5
  done
  return 1
}

# --- what the machine has
detail=$("$live" doctor)
check "doctor sees the camera" grep -q "/dev/video0 .*vivid" <<<"$detail"
detail=$("$live" doctor)
check "doctor sees the virtual camera" grep -q "/dev/video21 .*virtual" <<<"$detail"

# --- errors that users meet, each one line and exit code 5
error() { local name=$1 text=$2; shift 2; detail=$("$live" webcam -r "$reference" "$@" 2>&1); local code=$?
  detail="code $code, $detail"; [[ $code = 5 && $detail == *"$text"* && $(wc -l <<<"$detail") = 1 ]]; check "$name" test $? = 0; }
error "no such camera" "no such device" -d /dev/video9 -o null
error "an output is no camera" "is no camera" -d /dev/video21 -o null
error "a camera is no output" "cannot be written to" -d "$here/../../samples/astronaut.mp4" -o /dev/video0

# --- bare pictures through the same way, to compare with
play "$clip"
webcam -d /dev/video20 -o /dev/video22 --strength 0 --on-lost pass & bare=$!
until_made /dev/video22
detail=$("$rig" read /dev/video22 24 90 /tmp/bare.yuv)
check "whole pictures in YU12, times in order" grep -qE "^${W}x$H YU12 24 frames$" <<<"$detail"
stop $bare
detail=$("$rig" compare /tmp/bare.yuv /tmp/bare.yuv $W $H)
check "bare pictures are known as such" test "$(number bare "$detail")" -ge 20

# --- camera to virtual camera
webcam -d /dev/video20 -o /dev/video21 >/tmp/webcam.log 2>&1 & made=$!
for _ in $(seq 50); do "$rig" read /dev/video21 3 5 /tmp/early.yuv >/tmp/early.log 2>&1 && break; sleep 0.2; done
detail=$("$rig" compare /tmp/bare.yuv /tmp/early.yuv $W $H)
check "the placeholder is there before the networks" grep -qE "flat [1-9].* bare 0 " <<<"$detail"
until_made /dev/video21
"$rig" read /dev/video21 12 120 /tmp/made.yuv >/tmp/read.log
detail=$("$rig" compare /tmp/bare.yuv /tmp/made.yuv $W $H)
check "pictures are made up, none is bare" test "$(number bare "$detail")" = 0 -a "$(number made-up "$detail")" -ge 6
detail=$("$live" webcam -r "$reference" -d /dev/video0 -o /dev/video21 2>&1)
check "a second writer is told that the device is busy" grep -q "used by another program" <<<"$detail"

# --- the face leaves: blurred, never bare
stop $player; play "$noface"
sleep 3
"$rig" read /dev/video21 8 120 /tmp/lost.yuv >/tmp/read.log
detail=$("$rig" compare /tmp/bare.yuv /tmp/lost.yuv $W $H)
check "without a face the picture is blurred" test "$(number bare "$detail")" = 0 -a "$(number blurred "$detail")" -ge 6

# --- the camera goes away
stop $player
sleep 3
"$rig" read /dev/video21 8 30 /tmp/gone.yuv >/tmp/read.log # the first ones are older
detail=$("$rig" compare /tmp/bare.yuv /tmp/gone.yuv $W $H)
check "without a camera the placeholder is shown" test "$(number flat "$detail")" -ge 4 -a "$(number bare "$detail")" = 0
stop $made

# --- a reader stays while the writer starts again
play "$clip"
webcam -d /dev/video20 -o /dev/video22 >/dev/null 2>&1 & made=$!
until_made /dev/video22
"$rig" read /dev/video22 100000 40 /tmp/across.yuv >/tmp/across.log & reader=$!
sleep 5; stop $made
webcam -d /dev/video20 -o /dev/video22 >/dev/null 2>&1 & made=$!
wait $reader
detail=$("$rig" compare /tmp/bare.yuv /tmp/across.yuv $W $H)
check "the writer starts again under a reader" test "$(number bare "$detail")" = 0 -a "$(number made-up "$detail")" -ge 4
stop $made

# --- a device that keeps another size
"$rig" size /dev/video22 176 144
v4l2-ctl -d /dev/video22 -c keep_format=1 >/dev/null 2>&1
webcam -d /dev/video20 -o /dev/video22 >/tmp/locked.log 2>&1 & made=$!
sleep 8
detail=$("$rig" read /dev/video22 3 60 /tmp/small.yuv)
check "a device locked to another size gets whole pictures of that size" grep -qE "^176x144 YU12 3 frames$" <<<"$detail"
stop $made
v4l2-ctl -d /dev/video22 -c keep_format=0 >/dev/null 2>&1

# --- on demand: the camera is open only while somebody watches
webcam -d /dev/video20 -o /dev/video21 --on-demand >/dev/null 2>&1 & made=$!
sleep 8
holds() { ls -l /proc/$made/fd 2>/dev/null | grep -q /dev/video20; }
holds; first=$?
"$rig" watch /dev/video21 12 >/dev/null & watcher=$!
sleep 7; holds; second=$?
wait $watcher; sleep 6; holds; third=$?
detail="held before $first, while $second, after $third (0 is yes)"
check "on demand, the camera is open only while somebody watches" test $first = 1 -a $second = 0 -a $third = 1
stop $made $player

# --- unplugged
webcam -d /dev/video0 -o null --size 640x360 >/tmp/unplug.log 2>&1 & made=$!
sleep 8
echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind
wait $made; code=$?
detail="code $code, $(cat /tmp/unplug.log)"
check "an unplugged camera ends the run with one line" test $code = 5 -a "$(grep -c 'was unplugged' /tmp/unplug.log)" = 1
webcam -d /dev/video0 -o null --size 640x360 --wait --duration 40 --report /tmp/wait.json >/tmp/wait.log 2>&1 & made=$!
sleep 5
echo vivid.0 >/sys/bus/platform/drivers/vivid/bind
wait $made
detail=$(cat /tmp/wait.log /tmp/wait.json)
check "--wait takes the camera when it comes" grep -qE '"captured" : [1-9]' /tmp/wait.json
echo DONE
