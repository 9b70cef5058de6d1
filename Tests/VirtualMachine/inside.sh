#!/usr/bin/env bash
# Runs in the virtual machine, on the kernel's own drivers. Prints PASS or FAIL and a name for each test. The machine is an
# emulated one, and slow: everything is waited for until it is so, nothing is timed. A picture that is made up takes seconds here,
# so that the placeholder comes between two of them; what is about the way of pictures only is tested on one without a face.
cd /tmp
argument() { sed -n "s/.*$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
here=/mnt/Tests/VirtualMachine # see init
parts=$(argument parts)
work=$here/../../.build/virtual-machine
live=$here/../../.build/release/ssat-live
rig=$work/rig
reference=$here/../../samples/plum.jpg
W=320 H=240
logs=0 driver= # which loopback driver, for the names of the tests

check() { # NAME CONDITION...: the condition is a command; `detail` says what was found
  local name=$1; shift
  if "$@" >/dev/null 2>&1; then echo "PASS $name$driver"; else
    echo "FAIL $name$driver: $(tr '\n' ' ' <<<"$detail")"
    tail -qn 2 /tmp/webcam-$logs.log 2>/dev/null | sed 's/^/NOTE /'
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
has_format() { v4l2-ctl -d "$1" --get-fmt-video 2>/dev/null | grep -q "$2"; }
play() { # CLIP [WIDTH HEIGHT FORMAT]: as the camera at /dev/video20, until stopped. It is a camera from the first picture on.
  : >/tmp/play.log
  "$rig" play /dev/video20 "$work/$1" ${2:-$W} ${3:-$H} 4 ${4:-YUYV} >/tmp/play.log 2>&1 & player=$!
  wait_for 60 grep -q playing /tmp/play.log
}
# webcam with these options, in the background; its process is $program. Every picture with its own prediction: aside, one would take
# longer here than a picture may be old, and measuring which is better takes long, too.
start() {
  logs=$((logs + 1))
  "$live" webcam -r "$reference" --predict in --progress none --control none "$@" >/tmp/webcam-$logs.log 2>&1 & program=$!
}
record() { # DEVICE COUNT FILE [SECONDS] [KIND]: once there is a writer
  wait_for 90 v4l2-ctl -d "$1" --get-fmt-video
  "$rig" read "$1" "$2" "${4:-120}" "$3" $5
}
shows() { record "$1" 1 /tmp/one.yuv 3 picture; }      # DEVICE: whether it shows something else than the placeholder
frame_bytes=$((W * H * 3 / 2))
grew_by() { [ $(stat -c %s "$2" 2>/dev/null || echo 0) -ge $(($3 + $1 * frame_bytes)) ]; } # FRAMES FILE BYTES: a recording, since it had BYTES
has() { # KIND COUNT FILE [BYTES]: a recording, after its first BYTES
  tail -c +$((${4:-0} + 1)) "$3" >/tmp/since.yuv
  [ "$(number "$1" "$("$rig" compare /tmp/bare.yuv /tmp/since.yuv $W $H)")" -ge "$2" ]
}
judge() { detail=$("$rig" compare /tmp/bare.yuv "$1" $W $H); }
holds() { ls -l /proc/$program/fd 2>/dev/null | grep -q "$1"; }
lets_go() { ! holds "$1"; }
said() { grep -q "$1" /tmp/webcam-$logs.log; }
load() { # MODULE
  rmmod v4l2loopback 2>/dev/null
  insmod "$1" devices=3 video_nr=20,21,22 exclusive_caps=1,1,0 card_label=camera,virtual,open
}
error() { # NAME TEXT OPTIONS...: one line and exit code 5
  local name=$1 text=$2 said code; shift 2
  said=$("$live" webcam -r "$reference" --control none "$@" 2>&1); code=$?
  detail="code $code, $said"
  check "$name" test $code = 5 -a "$(grep -c "$text" <<<"$said")" = 1 -a "$(wc -l <<<"$said")" = 1
}

part_doctor() {
  detail=$("$live" doctor --no-speed 2>&1)
  check "doctor sees the camera" grep -q "/dev/video0 .*vivid" <<<"$detail"
  detail=$("$live" doctor --no-speed 2>&1)
  check "doctor sees the virtual camera" grep -q "/dev/video21 .*virtual" <<<"$detail"
  detail=$("$live" doctor --no-speed 2>&1)
  check "doctor sees the module" grep -q "v4l2loopback: loaded" <<<"$detail"
}

# Errors that users meet, each one line and exit code 5.
part_errors() {
  error "no such camera" "no such device" -d /dev/video9 -o null
  error "an output is no camera" "is no camera" -d /dev/video21 -o null
  error "a camera is no output" "cannot be written to" -d "$here/../../samples/astronaut.mp4" -o /dev/video0
  v4l2-ctl -d /dev/video0 --stream-mmap --stream-count=0 >/dev/null 2>&1 & local other=$!
  wait_for 20 eval 'ls -l /proc/'$other'/fd | grep -q video0'; sleep 2
  error "a camera that another program reads" "used by another program" -d /dev/video0 -o null
  stop $other
  play clip.yuyv 320 240 GREY
  error "grey pictures only" "it has GREY" -d /dev/video20 -o null
  stop $player
}

part_makeup() {
  # Bare pictures through the same way, to compare with.
  play clip.yuyv
  start -d /dev/video20 -o /dev/video22 --strength 0 --on-lost pass
  detail=$(record /dev/video22 24 /tmp/bare.yuv 240 picture)
  check "whole pictures in YU12, times in order" grep -qE "^${W}x$H YU12 [0-9]+ frames$" <<<"$detail"
  stop $program
  judge /tmp/bare.yuv
  check "bare pictures are known as such" test "$(number bare "$detail")" -ge 10 -a "$(number other "$detail")" = 0

  start -d /dev/video20 -o /dev/video21
  wait_for 60 record /dev/video21 1 /tmp/early.yuv 2
  judge /tmp/early.yuv
  check "the placeholder is there before the networks" grep -qE "flat 1 .* bare 0 " <<<"$detail"
  record /dev/video21 4 /tmp/made.yuv 240 picture
  judge /tmp/made.yuv
  check "pictures are made up, none is bare" test "$(number bare "$detail")" = 0 -a "$(number made-up "$detail")" -ge 2
  error "a second writer is told that the device is busy" "used by another program" -d /dev/video0 -o /dev/video21

  # The face leaves: blurred, never bare.
  stop $player; play noface.yuyv
  record /dev/video21 12 /tmp/lost.yuv 120 picture
  judge /tmp/lost.yuv
  check "without a face the picture is blurred" test "$(number bare "$detail")" = 0 -a "$(number blurred "$detail")" -ge 6
  # The camera goes away.
  stop $player
  record /dev/video21 4 /tmp/gone.yuv 60 flat
  judge /tmp/gone.yuv
  check "without a camera the placeholder is shown" test "$(number flat "$detail")" -ge 4 -a "$(number bare "$detail")" = 0
  # Killed in the middle of a made-up face, under a reader.
  stop $program
  play clip.yuyv
  start -d /dev/video20 -o /dev/video22
  wait_for 240 shows /dev/video22
  "$rig" read /dev/video22 100000 600 /tmp/killed.yuv & local reader=$!
  # The first pictures may still be those that the device kept from its camera before.
  wait_for 240 has made-up 2 /tmp/killed.yuv
  kill -9 $program; wait $program 2>/dev/null; sleep 3; stop $reader
  judge /tmp/killed.yuv
  check "killed in the middle, nothing bare is left" test "$(number bare "$detail")" = 0 -a "$(number made-up "$detail")" -ge 2
  stop $player
}

# The way of pictures: formats, sizes, who comes and goes.
part_plumbing() {
  [ -f /tmp/bare.yuv ] || : >/tmp/bare.yuv # makeup was not asked for
  play noface.yuyv
  start -d /dev/video20 -o /dev/video22
  wait_for 120 shows /dev/video22
  "$rig" read /dev/video22 100000 600 /tmp/across.yuv >/tmp/across.log & local reader=$!
  wait_for 120 grew_by 3 /tmp/across.yuv 0; stop $program
  local before; before=$(stat -c %s /tmp/across.yuv)
  start -d /dev/video20 -o /dev/video22
  wait_for 240 has blurred 2 /tmp/across.yuv $before; stop $reader
  detail="$(cat /tmp/across.log); $("$rig" compare /tmp/bare.yuv /tmp/across.yuv $W $H)"
  check "the writer starts again under a reader" eval 'grep -qE "^${W}x$H YU12 [0-9]+ frames;" <<<"$detail" && [ $(number flat "$detail") -ge 2 ] && [ $(number blurred "$detail") -ge 2 ]'
  # 0.12 tells readers sRGB whatever it is told.
  detail=$(v4l2-ctl -d /dev/video22 --get-fmt-video)
  [ -z "$driver" ] || check "BT.709, limited range" eval 'grep -q "Colorspace *: Rec. 709" <<<"$detail" && grep -q "Quantization *: Limited" <<<"$detail"'
  stop $program

  # A device that keeps another size.
  # 0.12 forgets the size when its writer goes, if it is not told to keep it; 0.15 keeps what it has when it is told.
  [ -n "$driver" ] || v4l2-ctl -d /dev/video22 -c keep_format=1 >/dev/null 2>&1
  "$rig" size /dev/video22 176 144
  v4l2-ctl -d /dev/video22 -c keep_format=1 >/dev/null 2>&1
  start -d /dev/video20 -o /dev/video22
  detail=$(wait_for 60 holds /dev/video22; record /dev/video22 3 /tmp/small.yuv 120 picture)
  check "a device locked to another size gets whole pictures of that size" grep -qE "^176x144 YU12 [0-9]+ frames$" <<<"$detail"
  stop $program
  v4l2-ctl -d /dev/video22 -c keep_format=0 >/dev/null 2>&1

  # On demand: the camera is open only while somebody watches.
  start -d /dev/video20 -o /dev/video21 --on-demand
  wait_for 60 holds /dev/video21
  wait_for 60 lets_go /dev/video20; sleep 6
  holds /dev/video20; local before=$?
  "$rig" watch /dev/video21 60 >/dev/null & local watcher=$!
  wait_for 50 holds /dev/video20; local during=$?
  stop $watcher
  wait_for 30 lets_go /dev/video20; local after=$?
  detail="held before $before (1), while watched $during (0), let go after $after (0)"
  check "on demand, the camera is open only while somebody watches" test $before = 1 -a $during = 0 -a $after = 0
  stop $program $player
}

# Cameras that change, and other formats.
part_cameras() {
  play noface.yuyv
  # The camera's producer falls silent and comes back with another size: taken up again, the virtual camera keeps its own. (The
  # driver lets nobody change the size while somebody reads.)
  start -d /dev/video20 -o /dev/video22 --wait
  wait_for 120 shows /dev/video22
  stop $player
  wait_for 60 said "waiting for it"; play small.yuyv 176 144
  detail=$(record /dev/video22 1 /tmp/changed.yuv 60 flat >/dev/null; record /dev/video22 6 /tmp/changed.yuv 90 picture)
  check "the camera comes back with another size" eval 'grep -qE "^${W}x$H YU12 [0-9]+ frames$" <<<"$detail" && has_format /dev/video20 176/144'
  stop $program $player

  play noface.mjpg $W $H MJPG
  start -d /dev/video20 -o /dev/video21 --layout yuyv
  detail=$(wait_for 60 has_format /dev/video21 YUYV; record /dev/video21 4 /tmp/yuyv.raw 120 picture)
  check "MJPG in, YUYV out" grep -qE "^${W}x$H YUYV [0-9]+ frames$" <<<"$detail"
  stop $program $player

  # A camera that says nothing any more.
  play noface.yuyv
  start -d /dev/video20 -o null
  wait_for 60 holds /dev/video20; sleep 8
  kill -STOP $player
  wait_for 60 said "gave no picture for"; kill -CONT $player
  wait $program; local code=$?
  detail="code $code, $(cat /tmp/webcam-$logs.log)"
  check "a camera that is silent ends the run with one line" test $code = 5 -a "$(wc -l </tmp/webcam-$logs.log)" = 1
  stop $player
}

part_unplug() {
  start -d /dev/video0 -o null --size 640x360
  wait_for 60 holds /dev/video0; sleep 5
  echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind
  wait $program; local code=$?
  detail="code $code, $(cat /tmp/webcam-$logs.log)"
  check "an unplugged camera ends the run with one line" test $code = 5 -a "$(grep -c 'was unplugged' /tmp/webcam-$logs.log)" = 1
  # The virtual camera is there already while the camera is waited for.
  start -d /dev/video0 -o /dev/video22 --size 640x360 --wait
  wait_for 60 said "waiting for it"
  detail=$(wait_for 60 has_format /dev/video22 640/360; record /dev/video22 4 /tmp/waiting.yuv 60 flat)
  check "--wait shows the placeholder before the camera is there" grep -qE "^640x360 YU12 [0-9]+ frames$" <<<"$detail"
  echo vivid.0 >/sys/bus/platform/drivers/vivid/bind
  detail=$(record /dev/video22 2 /tmp/waiting.yuv 180 picture)
  check "--wait takes the camera when it comes" grep -qE "^640x360 YU12 [0-9]+ frames$" <<<"$detail"
  echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind; sleep 6
  echo vivid.0 >/sys/bus/platform/drivers/vivid/bind
  detail=$(record /dev/video22 2 /tmp/again.yuv 60 flat >/dev/null; record /dev/video22 2 /tmp/again.yuv 180 picture)
  check "--wait takes it again after it was unplugged" eval 'grep -qE "^640x360 YU12 [0-9]+ frames$" <<<"$detail" && said "was unplugged; waiting"'
  stop $program
}

# The console begins with control characters.
echo
wanted() { [ -z "$parts" ] || grep -qw "$1" <<<"${parts//,/ }"; }
load "$work/loopback/v4l2loopback.ko"
say_time() { echo "TIME $1 until $SECONDS s"; }
for part in doctor errors makeup plumbing cameras unplug; do wanted $part && part_$part && say_time $part; done
if [ -f "$work/loopback-newer/v4l2loopback.ko" ] && wanted newer; then
  load "$work/loopback-newer/v4l2loopback.ko"
  driver=" ($(basename "$work"/newer/usr/src/v4l2loopback-*))"
  part_doctor
  part_plumbing
  say_time "newer driver"
fi
echo DONE
