#!/usr/bin/env bash
# Runs in the virtual machine, on the kernel's own drivers. Prints PASS or FAIL and a name for each test. The machine is an
# emulated one, and slow: everything is waited for, nothing is timed.
cd /tmp
here=$(sed -n 's/.*tests=\([^ ]*\).*/\1/p' /proc/cmdline)
work=$here/../../.build/virtual-machine
live=$here/../../.build/release/ssat-live
rig=$work/rig
reference=$here/../../samples/plum.jpg
clip=$work/clip.yuyv noface=$work/noface.yuyv
W=320 H=240
insmod /tmp/modules/v4l2loopback.ko devices=3 video_nr=20,21,22 exclusive_caps=1,1,0 card_label=camera,virtual,open
logs=0

check() { # NAME CONDITION...: the condition is a command; `detail` says what was found
  local name=$1; shift
  if "$@" >/dev/null 2>&1; then echo "PASS $name"; else
    echo "FAIL $name: $detail"
    tail -qn 2 /tmp/webcam-$logs.log | sed 's/^/NOTE /'
  fi
  detail=
}
number() { sed -n "s/.*$1 \([0-9]*\).*/\1/p" <<<"$2"; }
wait_for() { # SECONDS CONDITION...
  local until=$((SECONDS + $1)); shift
  while [ $SECONDS -lt $until ]; do "$@" >/dev/null 2>&1 && return 0; sleep 0.3; done
  return 1
}
stop() { kill "$@" 2>/dev/null; wait "$@" 2>/dev/null; }
play() { # CLIP: as the camera at /dev/video20, until stopped
  "$rig" play /dev/video20 "$1" $W $H 4 >/tmp/play.log 2>&1 & player=$!
  wait_for 20 v4l2-ctl -d /dev/video20 --get-fmt-video
}
start() { # webcam with these options, in the background; its process is $program
  logs=$((logs + 1))
  "$live" webcam -r "$reference" --progress none --control none "$@" >/tmp/webcam-$logs.log 2>&1 & program=$!
}
shows() { # DEVICE: whether it shows something else than the placeholder
  "$rig" read "$1" 1 5 /tmp/one.yuv || return 1
  [ "$(number flat "$("$rig" compare /tmp/one.yuv /tmp/one.yuv $W $H)")" = 0 ]
}
record() { "$rig" read "$1" "$2" "${4:-90}" "$3"; } # DEVICE COUNT FILE
judge() { detail=$("$rig" compare /tmp/bare.yuv "$1" $W $H); }
holds() { ls -l /proc/$program/fd | grep -q "$1"; }

# --- what the machine has
detail=$("$live" doctor)
check "doctor sees the camera" grep -q "/dev/video0 .*vivid" <<<"$detail"
detail=$("$live" doctor)
check "doctor sees the virtual camera" grep -q "/dev/video21 .*virtual" <<<"$detail"

# --- errors that users meet, each one line and exit code 5
error() { # NAME TEXT OPTIONS...
  local name=$1 text=$2 said code; shift 2
  said=$("$live" webcam -r "$reference" --control none "$@" 2>&1); code=$?
  detail="code $code, $said"
  check "$name" test $code = 5 -a "$(grep -c "$text" <<<"$said")" = 1 -a "$(wc -l <<<"$said")" = 1
}
error "no such camera" "no such device" -d /dev/video9 -o null
error "an output is no camera" "is no camera" -d /dev/video21 -o null
error "a camera is no output" "cannot be written to" -d "$here/../../samples/astronaut.mp4" -o /dev/video0

# --- bare pictures through the same way, to compare with
play "$clip"
start -d /dev/video20 -o /dev/video22 --strength 0 --on-lost pass
wait_for 120 shows /dev/video22
detail=$(record /dev/video22 24 /tmp/bare.yuv)
check "whole pictures in YU12, times in order" grep -qE "^${W}x$H YU12 24 frames$" <<<"$detail"
stop $program
judge /tmp/bare.yuv
check "bare pictures are known as such" test "$(number bare "$detail")" -ge 10 -a "$(number other "$detail")" = 0

# --- camera to virtual camera
start -d /dev/video20 -o /dev/video21
wait_for 60 record /dev/video21 1 /tmp/early.yuv 2
judge /tmp/early.yuv
check "the placeholder is there before the networks" grep -qE "flat 1 .* bare 0 " <<<"$detail"
wait_for 120 shows /dev/video21
record /dev/video21 12 /tmp/made.yuv
judge /tmp/made.yuv
check "pictures are made up, none is bare" test "$(number bare "$detail")" = 0 -a "$(number made-up "$detail")" -ge 2
first=$program
error "a second writer is told that the device is busy" "used by another program" -d /dev/video0 -o /dev/video21

# --- the face leaves: blurred, never bare
stop $player; play "$noface"
sleep 5
record /dev/video21 8 /tmp/lost.yuv
judge /tmp/lost.yuv
check "without a face the picture is blurred" test "$(number bare "$detail")" = 0 -a "$(number blurred "$detail")" -ge 6

# --- the camera goes away
stop $player
sleep 3
record /dev/video21 8 /tmp/gone.yuv # the first ones are older
judge /tmp/gone.yuv
check "without a camera the placeholder is shown" test "$(number flat "$detail")" -ge 4 -a "$(number bare "$detail")" = 0
stop $first

# --- a reader stays while the writer starts again
play "$clip"
start -d /dev/video20 -o /dev/video22
wait_for 120 shows /dev/video22
"$rig" read /dev/video22 100000 45 /tmp/across.yuv >/tmp/across.log & reader=$!
sleep 5; stop $program
start -d /dev/video20 -o /dev/video22
wait $reader
judge /tmp/across.yuv
check "the writer starts again under a reader" test "$(number bare "$detail")" = 0 -a "$(number flat "$detail")" -ge 1 -a "$(number made-up "$detail")" -ge 2
stop $program

# --- a device that keeps another size
v4l2-ctl -d /dev/video22 -c keep_format=1 >/dev/null 2>&1
"$rig" size /dev/video22 176 144
start -d /dev/video20 -o /dev/video22
wait_for 60 record /dev/video22 1 /tmp/small.yuv 2
detail=$(record /dev/video22 3 /tmp/small.yuv 30)
check "a device locked to another size gets whole pictures of that size" grep -qE "^176x144 YU12 3 frames$" <<<"$detail"
stop $program
v4l2-ctl -d /dev/video22 -c keep_format=0 >/dev/null 2>&1

# --- on demand: the camera is open only while somebody watches
start -d /dev/video20 -o /dev/video21 --on-demand
wait_for 60 holds /dev/video21; sleep 8
holds /dev/video20; before=$?
"$rig" watch /dev/video21 30 >/dev/null & watcher=$!
wait_for 25 holds /dev/video20; during=$?
wait $watcher
wait_for 20 eval '! holds /dev/video20'; after=$?
detail="held before $before (1), while watched $during (0), let go after $after (0)"
check "on demand, the camera is open only while somebody watches" test $before = 1 -a $during = 0 -a $after = 0
stop $program $player

# --- unplugged
start -d /dev/video0 -o null --size 640x360
wait_for 60 holds /dev/video0; sleep 5
echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind
wait $program; code=$?
detail="code $code, $(cat /tmp/webcam-$logs.log)"
check "an unplugged camera ends the run with one line" test $code = 5 -a "$(grep -c 'was unplugged' /tmp/webcam-$logs.log)" = 1
start -d /dev/video0 -o null --size 640x360 --wait --duration 40 --report /tmp/wait.json
wait_for 30 grep -q "waiting for it" /tmp/webcam-$logs.log
echo vivid.0 >/sys/bus/platform/drivers/vivid/bind
wait $program
detail=$(cat /tmp/wait.json)
check "--wait takes the camera when it comes" grep -qE '"captured" : [1-9]' /tmp/wait.json
echo DONE
