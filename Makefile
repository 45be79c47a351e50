# Every target sets up what it needs: a virtual environment in .venv with hepy installed from this tree.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# pip builds in a throwaway environment; sources of the compiled modules decide when that is due.
SOURCES := pyproject.toml CMakeLists.txt $(shell find cuda cpu -type f 2>/dev/null)
DEMO := $(VENV)/.installed-for-demo
# What adapters stand for are oracles of tests, in environments of their own, and no dependencies. phe is GPL-3.0; FATE wants
# Python 3.11 and other packages' versions of its time.
INTEROP_PHE := .venv-interop-phe
PHE := $(INTEROP_PHE)/.installed-for-phe
PYTHON_FATE ?= python3.11
INTEROP_FATE := .venv-interop-fate
FATE := $(INTEROP_FATE)/.installed-for-fate
NUMPY1 := .venv-numpy1
STAMP := $(VENV)/.installed-for-development

.PHONY: demo test test-numpy1 test-slow test-interop test-interop-phe test-interop-fate sanitize mutants gpu-check bench bench-interop bench-interop-fate tune lint format clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(DEMO): $(BIN)/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	touch $@

$(STAMP): $(BIN)/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: $(DEMO)
	$(BIN)/hepy demo

# Side by side on all cores; pytest-benchmark does not go with that, and no test of the suite measures.
test: $(STAMP)
	$(BIN)/python -m pytest -n auto -p no:benchmark

# The oldest numpy that hepy allows. pyarrow does not say which it needs: 20 is the last for this one.
$(NUMPY1)/.installed: $(SOURCES)
	$(PYTHON) -m venv $(NUMPY1)
	$(NUMPY1)/bin/python -m pip install --quiet --upgrade pip
	HEPY_CUDA=OFF $(NUMPY1)/bin/python -m pip install --quiet --config-settings=build-dir=build/numpy1 \
	  --editable '.[test]' 'numpy==1.26.*' 'pyarrow<21'
	touch $@

test-numpy1: $(NUMPY1)/.installed
	$(NUMPY1)/bin/python -m pytest -n auto -p no:benchmark

test-slow: $(STAMP)
	$(BIN)/python -m pytest -m "slow and not gpu"

$(INTEROP_PHE)/bin/python:
	$(PYTHON) -m venv $(INTEROP_PHE)
	$(INTEROP_PHE)/bin/python -m pip install --quiet --upgrade pip

$(PHE): $(INTEROP_PHE)/bin/python $(SOURCES)
	HEPY_CUDA=OFF $(INTEROP_PHE)/bin/python -m pip install --quiet --config-settings=build-dir=build/interop-phe --config-settings=cmake.define.HEPY_TESTS=OFF \
	  --editable . 'pytest>=8' 'hypothesis>=6.100' 'phe[cli]==1.5.0'
	touch $@

$(FATE): tests/interop/fate/requirements.txt $(SOURCES)
	$(PYTHON_FATE) -m venv $(INTEROP_FATE)
	$(INTEROP_FATE)/bin/python -m pip install --quiet --upgrade pip
	HEPY_CUDA=OFF $(INTEROP_FATE)/bin/python -m pip install --quiet --config-settings=build-dir=build/interop-fate --config-settings=cmake.define.HEPY_TESTS=OFF \
	  -r tests/interop/fate/requirements.txt --editable .
	$(INTEROP_FATE)/bin/python -m pip install --quiet --no-deps pyfate==2.2.0 fate-utils==0.1.0
	touch $@

# Adapters beside their originals; the ordinary suite has vectors that were made with them. FATE's training of some minutes is
# marked slow: make test-interop-fate MARK=interop
test-interop: test-interop-phe test-interop-fate

test-interop-phe: $(PHE)
	$(INTEROP_PHE)/bin/python -m pytest -m interop -p no:benchmark tests/interop/phe

MARK ?= interop and not slow
test-interop-fate: $(FATE)
	$(INTEROP_FATE)/bin/python -m pytest -m "$(MARK)" -p no:benchmark tests/interop/fate

bench-interop: $(PHE)
	$(INTEROP_PHE)/bin/python bench/interop_phe.py --keep

bench-interop-fate: $(FATE)
	$(INTEROP_FATE)/bin/python bench/interop_fate.py --keep
	$(INTEROP_FATE)/bin/python bench/interop_fate.py --short --keep
	$(INTEROP_FATE)/bin/python bench/interop_fate.py --secureboost --bits 1024 --keep

# AddressSanitizer and UBSan: over the host's engines; over the emulated kernels in several orders of threads; and over
# what schemes do with kernels, in one order, without what only checks arguments and shapes. Tests share the cores. The
# interpreter is not built with sanitizers, so their library is loaded first, and leaks are not judged: Python keeps memory
# until the end. The base Python runs, because .venv's own would import the editable installation.
SANITIZED := build/sanitize/site
SCHEDULES ?= in-order reversed shuffled:1 ahead:1
SCHEME_SCHEDULES ?= shuffled:1
SANITIZE_JOBS ?= auto
SANITIZE_HOST_TESTS ?= tests/bigint/test_engines.py
SANITIZE_TESTS ?= tests/kernels tests/random tests/devices
SANITIZE_SCHEME_TESTS ?= tests/bigint tests/paillier tests/ring tests/ckks -k '(emulator or native or device_memory) and not bad_input and not numpys'

build/sanitize/installed: $(STAMP) $(SOURCES) $(shell find src -name '*.py')
	rm -rf $(SANITIZED)
	$(BIN)/python -m pip install --quiet --no-deps --target $(SANITIZED) --config-settings=build-dir=build/sanitize/build \
	  --config-settings=cmake.define.HEPY_SANITIZE=ON --config-settings=cmake.define.HEPY_TESTS=ON .
	touch $@

# The host's engines shared by threads, under ThreadSanitizer: a program in C++, because Python is not built with it. Its
# runtime does not bear addresses as random as some kernels make them, hence setarch.
THREADED := build/sanitize/threads
HOST_SOURCES := cpu/engine.cpp cpu/primality.cpp $(wildcard cpu/rows/*.cpp) cpu/lanes/portable.cpp
HOST_FLAGS := -std=gnu++17 -O1 -g1 -fsanitize=thread -pthread -Icpu
ifeq ($(shell uname -m),x86_64)
HOST_SOURCES += cpu/rows/mulx.S
HOST_FLAGS += -march=x86-64-v2 -DHEPY_WITH_MULX -DHEPY_WITH_IFMA
WIDE_OBJECT := build/sanitize/ifma.o
endif

build/sanitize/ifma.o: $(SOURCES)
	mkdir -p $(@D)
	c++ $(HOST_FLAGS) -mavx512f -mavx512ifma -Wno-uninitialized -c cpu/lanes/ifma.cpp -o $@

$(THREADED): tests/host/threads.cpp $(SOURCES) $(WIDE_OBJECT)
	mkdir -p $(@D)
	c++ $(HOST_FLAGS) $< $(HOST_SOURCES) $(WIDE_OBJECT) -o $@

# The IFMA engine's source with its instructions in plain C++, beside the portable lanes.
ALIKE := build/sanitize/lanes
ALIKE_FLAGS := -std=gnu++17 -O2 -Icpu -DHEPY_WITH_IFMA

build/sanitize/lanes.o: $(SOURCES) tests/host/intrinsics/immintrin.h
	mkdir -p $(@D)
	c++ $(ALIKE_FLAGS) -D__AVX512IFMA__ -Itests/host/intrinsics -c cpu/lanes/ifma.cpp -o $@

$(ALIKE): tests/host/lanes.cpp build/sanitize/lanes.o
	c++ $(ALIKE_FLAGS) $< cpu/engine.cpp cpu/lanes/portable.cpp cpu/rows/rows.cpp cpu/rows/portable.cpp build/sanitize/lanes.o -o $@

sanitize: build/sanitize/installed $(THREADED) $(ALIKE)
	setarch $$(uname -m) -R $(THREADED)
	$(ALIKE)
	@set -e; base=$$($(BIN)/python -c 'import sys; print(sys._base_executable)'); \
	packages=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
	check() { \
	  schedule=$$1; shift; echo "== $$schedule: $$*"; \
	  LD_PRELOAD="$$(c++ -print-file-name=libasan.so) $$(c++ -print-file-name=libstdc++.so)" \
	  ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 HEPY_EMULATOR_SCHEDULE=$$schedule \
	  PYTHONPATH="$(CURDIR)/$(SANITIZED):$$packages" $$base -m pytest -q -n $(SANITIZE_JOBS) -p no:benchmark "$$@"; \
	}; \
	check in-order $(SANITIZE_HOST_TESTS); \
	for schedule in $(SCHEDULES); do check $$schedule $(SANITIZE_TESTS); done; \
	for schedule in $(SCHEME_SCHEDULES); do check $$schedule $(SANITIZE_SCHEME_TESTS); done

# Whether tests of kernels notice mistakes: some sixty, one at a time. ONLY=text takes those that have it in their names.
mutants: $(STAMP)
	$(BIN)/python tests/kernels/mutants.py --only '$(ONLY)'

# Where there is a GPU: the tests that need one, then those of kernels under each tool of compute-sanitizer.
gpu-check: $(STAMP)
	@set -e; \
	if ! $(BIN)/python -c 'import sys, hepy; sys.exit("cuda:0" not in hepy.devices())'; then \
	  echo "gpu-check: nothing was checked, no GPU can be used here:"; \
	  $(BIN)/python -c 'from hepy import _devices; print("  " + _devices.unavailable()["cuda"])'; \
	  exit 0; \
	fi; \
	$(BIN)/python -m pytest -m gpu; \
	if ! command -v compute-sanitizer >/dev/null; then \
	  echo "gpu-check: compute-sanitizer was not found on PATH, its tools did not run"; \
	  exit 0; \
	fi; \
	for tool in memcheck racecheck initcheck; do \
	  echo "== $$tool"; \
	  compute-sanitizer --tool $$tool --error-exitcode 1 $(BIN)/python -m pytest -q -m gpu tests/kernels; \
	done

bench: $(STAMP)
	$(BIN)/python -m hepy.benchmarks setup
	$(BIN)/python -m hepy.benchmarks run
	$(BIN)/python -m hepy.benchmarks run-ckks
	$(BIN)/python -m hepy.benchmarks report

# Where there is a GPU: builds variants of the kernels apart (many minutes), times them, refills cuda/bigint/choices.inc.
# The base Python runs, for the reason that `sanitize` has.
TUNED := build/tune/site

tune: $(STAMP)
	@set -e; \
	if ! architecture=$$($(BIN)/python -c 'from hepy import _devices; print("%d%d" % _devices.resolve("cuda:0").properties().compute_capability)' 2>/dev/null); then \
	  echo "tune: nothing was tuned and no file changed, no GPU can be used here:"; \
	  $(BIN)/python -c 'from hepy import _devices; print("  " + _devices.unavailable()["cuda"])'; \
	  exit 1; \
	fi; \
	rm -rf $(TUNED); \
	HEPY_CUDA_ARCHITECTURES=$$architecture $(BIN)/python -m pip install --quiet --no-deps --target $(TUNED) \
	  --config-settings=build-dir=build/tune/build --config-settings=cmake.define.HEPY_TUNE=ON .; \
	base=$$($(BIN)/python -c 'import sys; print(sys._base_executable)'); \
	packages=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
	PYTHONPATH="$(CURDIR)/$(TUNED):$$packages" $$base -m hepy.benchmarks tune

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	find cuda cpu tests -name '*.cu' -o -name '*.cuh' -o -name '*.hpp' -o -name '*.cpp' 2>/dev/null | xargs -r $(BIN)/clang-format --dry-run --Werror

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(INTEROP_PHE) $(INTEROP_FATE) $(NUMPY1) build
