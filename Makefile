# One line each: see README.md.
PREFIX ?= /usr/local
PACKAGES = libavcodec-dev libavformat-dev libavutil-dev libswscale-dev libswresample-dev libv4l-dev pkg-config ffmpeg
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: setup build demo test bench install

setup:
	@dpkg -s $(PACKAGES) >/dev/null 2>&1 || ($(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq $(PACKAGES))

build: setup
	swift build -c release

test: setup
	swift test -c release

bench: build
	SSAT_KERNEL_BENCH=1 swift test -c release --filter CKernelsTests
