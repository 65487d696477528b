# SPDX-License-Identifier: GPL-2.0-or-later
#
# The two commands, "make demo" and "make check", and what they consist of. meson and ninja do the building; this file
# puts the steps in order, so that a fresh clone needs nothing else. "make help" lists the targets.

BUILD ?= build
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
# INSTALL=no: packages that are missing are named, not installed
INSTALL ?= yes
NINJA ?= ninja

.DEFAULT_GOAL := all
SHELL := /bin/sh
export PYTHONDONTWRITEBYTECODE := 1

# The steps of a check, each with a target check-STEP.
CHECKS := unit qtest guest libvirt lab kselftest asan tsan clang fuzz

.PHONY: all packages install clean distclean help demo check bench soak $(addprefix check-,$(CHECKS))

all: $(BUILD)/build.ninja
	@$(NINJA) -C $(BUILD)

packages:
	@INSTALL=$(INSTALL) scripts/install-packages.sh

$(BUILD)/build.ninja: | packages
	@mkdir -p $(BUILD) && cd $(BUILD) && $(CURDIR)/configure $(CONFIGURE_FLAGS)

install: all
	@meson install --no-rebuild -C $(BUILD)

demo: packages all
	@$(PYTHON) tests/lab/demo.py --build $(BUILD)

check: packages all
	@$(PYTHON) tests/check.py --build $(BUILD) $(CHECKS)

$(addprefix check-,$(CHECKS)): check-%: packages all
	@$(PYTHON) tests/check.py --build $(BUILD) $*

# The same suites, each for longer: more random cases, more load, more resets.
soak: packages all
	@$(PYTHON) tests/check.py --build $(BUILD) --soak $(CHECKS)

bench: packages all
	@$(PYTHON) tests/bench/bench.py --build $(BUILD)

clean:
	@if [ -f $(BUILD)/build.ninja ]; then $(NINJA) -C $(BUILD) -t clean; fi

distclean:
	rm -rf $(BUILD)

help:
	@echo 'make demo       set up, build, boot Debian'"'"'s kernel from an NVMe disk served by an IOThread, check the disk'
	@echo 'make check      set up, build, run every test; the last line is "N passed, N failed, N skipped"'
	@echo '   check-unit   one module at a time'
	@echo '   check-qtest  the emulator without a CPU, driven through its devices'"'"' registers'
	@echo '   check-guest  tiny guests on the KVM of this machine'
	@echo '   check-libvirt  a real libvirtd runs machines'
	@echo '   check-lab    Linux guests on a real KVM'
	@echo '   check-kselftest  the kernel modules of contrib/, in a machine of their own'
	@echo '   check-asan   unit and qtest with the address and undefined behaviour sanitizers'
	@echo '   check-tsan   the tests of threads with the thread sanitizer'
	@echo '   check-clang  build with clang, warnings are errors'
	@echo '   check-fuzz   each fuzzer for 15 seconds'
	@echo 'make soak       the same for longer'
	@echo 'make bench      instructions per access, request and start; writes $(BUILD)/bench/results.json'
	@echo 'make all        build (the default)'
	@echo 'make install    install below the prefix that configure was given'
	@echo 'make clean      remove what was compiled;  make distclean: the whole build folder'
	@echo
	@echo 'Variables: BUILD=folder, INSTALL=no (only name missing packages), CONFIGURE_FLAGS=... (./configure --help)'
