# One line each: see README.md.
PREFIX ?= /usr/local
PACKAGES = libavcodec-dev libavformat-dev libavutil-dev libswscale-dev libswresample-dev libv4l-dev pkg-config ffmpeg
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PYTHON ?= python3
BINARY = .build/release/ssat-live

.PHONY: setup build demo test test-training test-webcam soak-webcam bench bench-kernels bench-peers bench-filter install uninstall

setup:
	@dpkg -s $(PACKAGES) >/dev/null 2>&1 || ($(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq $(PACKAGES))

build: setup
	swift build -c release

demo: build
	$(BINARY) apply samples/astronaut.mp4 -r samples/plum.jpg -o demo.mp4 -y --compare side
	@echo "The made-up clip, beside its source: $(CURDIR)/demo.mp4"

test: setup
	swift test -c release
	Tests/Arm/run.sh
	Tests/AVXVNNI/run.sh
	Tests/VirtualMachine/run.sh --where-possible

test-training:
	Training/smoke_test.sh

# Boots a virtual machine with the kernel's own camera drivers; see Tests/VirtualMachine.
test-webcam: build
	Tests/VirtualMachine/run.sh

bench-kernels: setup
	SSAT_KERNEL_BENCH=1 swift test -c release --filter ConvolutionTests.bench

# How webcam does in MINUTES of real time at 720p30; not a test: it needs a quiet machine.
soak-webcam: build
	Benchmarks/soak_webcam.sh $(or $(MINUTES),10)

bench: build
	$(BINARY) bench
	$(BINARY) bench --networks

# Other runtimes beside ours, in turns. PYTHON has Benchmarks/requirements.txt.
bench-peers: build
	$(PYTHON) Benchmarks/peers.py

# Sizes and numbers of faces, file and live, beside FFmpeg alone, in turns.
bench-filter: build
	python3 Benchmarks/filter.py

install: build
	install -D $(BINARY) $(DESTDIR)$(PREFIX)/bin/ssat-live
	install -D -m 644 docs/man/ssat-live.1 $(DESTDIR)$(PREFIX)/share/man/man1/ssat-live.1
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/user
	sed 's,@BINARY@,$(PREFIX)/bin/ssat-live,' packaging/ssat-live.service > $(DESTDIR)$(PREFIX)/lib/systemd/user/ssat-live.service
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(BINARY) --generate-completion-script bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/ssat-live
	$(BINARY) --generate-completion-script zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_ssat-live
	$(BINARY) --generate-completion-script fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/ssat-live.fish

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/ssat-live $(DESTDIR)$(PREFIX)/lib/systemd/user/ssat-live.service $(DESTDIR)$(PREFIX)/share/man/man1/ssat-live.1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions/ssat-live $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_ssat-live $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/ssat-live.fish
