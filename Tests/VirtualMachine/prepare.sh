#!/usr/bin/env bash
# Gets what the virtual machine needs into .build/virtual-machine: Debian's kernel, its V4L2 modules, v4l2loopback built for
# it, and an initramfs. Nothing is installed on this machine but the packages named here. Done once; quick when it is there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(cd "$here/../.." && pwd)/.build/virtual-machine
packages="qemu-system-x86 busybox-static v4l-utils cpio kmod make gcc libc6-dev libelf1 ffmpeg"
sudo=$([ "$(id -u)" = 0 ] || echo sudo)
dpkg -s $packages >/dev/null 2>&1 || { $sudo apt-get update -qq; DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $packages >/dev/null; }

kernel=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: linux-image-//p')
mkdir -p "$work"
gcc -O2 -Wall -Wextra -Werror -o "$work/rig" "$here/rig.c"
[ -f "$work/ready-$kernel" ] && exit 0
rm -rf "$work/debs" "$work/root" "$work/loopback" "$work/initramfs"; mkdir -p "$work/debs" "$work/root"
cd "$work/debs"
common=linux-headers-$(echo "$kernel" | sed 's/-amd64$/-common/')
kbuild=$(apt-cache depends "linux-headers-$kernel" | sed -n 's/.*Depends: \(linux-kbuild-.*\)/\1/p')
chmod 777 . && apt-get download -qq "linux-image-$kernel" "linux-headers-$kernel" "$common" "$kbuild" v4l2loopback-dkms
for deb in *.deb; do dpkg -x "$deb" ../root; done
cd "$work"
depmod -b root "$kernel"

# The headers name their places absolutely; they lie under root/ here.
headers=root/usr/src/linux-headers-$kernel
sed -i "s#/usr/src/#$work/root/usr/src/#g" "$headers/Makefile"
kbuild_folder=$(ls -d root/usr/lib/linux-kbuild-*)
ln -sfn "$work/$kbuild_folder/scripts" "root/usr/src/$common/scripts"
ln -sfn "$work/$kbuild_folder/tools" "root/usr/src/$common/tools"
cp -r root/usr/src/v4l2loopback-* loopback
make -s -C "$headers" M="$work/loopback" modules >build.log 2>&1 || { tail -20 build.log; exit 1; }

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
strip --strip-debug loopback/v4l2loopback.ko
cp loopback/v4l2loopback.ko initramfs/modules/
install -m 755 "$here/init" initramfs/init
(cd initramfs && find . | cpio -o -H newc --quiet | gzip -1) >initramfs.gz
# What the cameras will see: the sample clip's face, and a picture without any.
ffmpeg -v error -y -i "$here/../../samples/astronaut.mp4" -vf "fps=4,scale=320:320,crop=320:240:0:0" -frames:v 12 -pix_fmt yuyv422 -f rawvideo clip.yuyv
ffmpeg -v error -y -f lavfi -i testsrc2=size=320x240:rate=4 -frames:v 12 -pix_fmt yuyv422 -f rawvideo noface.yuyv
cp "root/boot/vmlinuz-$kernel" vmlinuz
touch "ready-$kernel"
