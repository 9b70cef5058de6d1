#!/usr/bin/env bash
# Gets what the virtual machine needs into .build/virtual-machine: Debian's kernel, its V4L2 modules, v4l2loopback built for
# it, and an initramfs. Nothing is installed on this machine but the packages named here. Done once; quick when it is there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(cd "$here/../.." && pwd)/.build/virtual-machine
packages="qemu-system-x86 busybox-static v4l-utils cpio kmod make gcc libc6-dev libelf1 ffmpeg"
sudo=$([ "$(id -u)" = 0 ] || echo sudo)
# 75: cannot be done here, which is no failure of the program.
impossible() { echo "$1" >&2; exit 75; }
[ "$(uname -m)" = x86_64 ] || impossible "this is no x86-64 machine"
command -v apt-get >/dev/null && command -v dpkg >/dev/null || impossible "there is no apt-get; the kernel and its headers are Debian's"
if ! dpkg -s $packages >/dev/null 2>&1; then
  { $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $packages; } >/dev/null 2>&1 ||
    impossible "these packages cannot be installed: $packages"
fi
kernel=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/.*Depends: linux-image-//p' | head -1)
if [ -z "$kernel" ]; then
  $sudo apt-get update -qq >/dev/null 2>&1 || true
  kernel=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/.*Depends: linux-image-//p' | head -1)
fi
[ -n "$kernel" ] || impossible "this machine's package lists have no linux-image-amd64"

mkdir -p "$work"
gcc -O2 -Wall -Wextra -Werror -o "$work/rig" "$here/rig.c"
# Made anew when the kernel or one of these scripts has changed.
ready=$work/ready-$kernel-$(cat "$here/prepare.sh" "$here/init" | sha256sum | cut -c1-12)
[ -f "$ready" ] && exit 0
rm -rf "$work"/ready-* "$work/debs" "$work/root" "$work/loopback" "$work/initramfs"; mkdir -p "$work/debs" "$work/root"
cd "$work/debs"
common=linux-headers-$(echo "$kernel" | sed 's/-amd64$/-common/')
kbuild=$(apt-cache depends "linux-headers-$kernel" | sed -n 's/.*Depends: \(linux-kbuild-.*\)/\1/p')
chmod 777 .
apt-get download -qq "linux-image-$kernel" "linux-headers-$kernel" "$common" "$kbuild" v4l2loopback-dkms >/dev/null 2>&1 ||
  impossible "the kernel's packages cannot be downloaded"
for deb in *.deb; do dpkg -x "$deb" ../root; done

# The loopback driver of the next Debian as well, which tells how many programs read. From lists of its own: this machine's stay.
newer() {
  local lists=$work/apt
  mkdir -p "$lists/lists/partial" "$lists/cache/archives/partial" "$work/newer" && cd "$work/newer"
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main\n' >"$lists/list"
  local options="-o Dir::Etc::sourcelist=$lists/list -o Dir::Etc::sourceparts=/dev/null -o Dir::State::Lists=$lists/lists -o Dir::Cache=$lists/cache"
  chmod 777 . && apt-get $options update -qq && apt-get $options download -qq v4l2loopback-dkms && dpkg -x v4l2loopback-dkms_*.deb .
}
rm -rf "$work/newer"
(newer) >/dev/null 2>&1 || { echo "the newer v4l2loopback cannot be downloaded; tested with Debian's only" >&2; rm -rf "$work/newer"; }
cd "$work"
depmod -b root "$kernel"

# The headers name their places absolutely; they lie under root/ here.
headers=root/usr/src/linux-headers-$kernel
sed -i "s#/usr/src/#$work/root/usr/src/#g" "$headers/Makefile"
kbuild_folder=$(ls -d root/usr/lib/linux-kbuild-*)
ln -sfn "$work/$kbuild_folder/scripts" "root/usr/src/$common/scripts"
ln -sfn "$work/$kbuild_folder/tools" "root/usr/src/$common/tools"
build() { # SOURCES FOLDER
  rm -rf "$2" && cp -r "$1" "$2"
  make -s -C "$headers" M="$work/$2" modules >"$2.log" 2>&1 || { tail -20 "$2.log"; exit 1; }
  strip --strip-debug "$2/v4l2loopback.ko"
}
build root/usr/src/v4l2loopback-* loopback
[ -d newer ] && build newer/usr/src/v4l2loopback-* loopback-newer

# The modules to load, in an order in which each finds what it needs.
mkdir -p initramfs/bin initramfs/modules
cp /bin/busybox initramfs/bin/
: >initramfs/modules/order
add() {
  for line in $(modprobe -d root -S "$kernel" --show-depends "$1" | sed -n 's/^insmod \([^ ]*\).*/\1/p'); do
    name=$(basename "$line")
    [ -f "initramfs/modules/$name" ] && continue
    cp "$line" initramfs/modules/
    echo "$name" >>initramfs/modules/order
  done
}
for module in virtio_pci 9pnet_virtio 9p overlay vivid; do add $module; done
install -m 755 "$here/init" initramfs/init
(cd initramfs && find . | cpio -o -H newc --quiet | gzip -1) >initramfs.gz
# What the cameras will see: the sample clip's face, and a picture without any.
ffmpeg -v error -y -i "$here/../../samples/astronaut.mp4" -vf "fps=4,scale=320:320,crop=320:240:0:0" -frames:v 12 -pix_fmt yuyv422 -f rawvideo clip.yuyv
ffmpeg -v error -y -f lavfi -i testsrc2=size=320x240:rate=4 -frames:v 12 -pix_fmt yuyv422 -f rawvideo noface.yuyv
ffmpeg -v error -y -f lavfi -i testsrc2=size=176x144:rate=4 -frames:v 12 -pix_fmt yuyv422 -f rawvideo small.yuyv
ffmpeg -v error -y -f lavfi -i testsrc2=size=320x240:rate=4 -frames:v 12 -pix_fmt yuvj422p -q:v 3 -f mjpeg noface.mjpg
cp "root/boot/vmlinuz-$kernel" vmlinuz
touch "$ready"
