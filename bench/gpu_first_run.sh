#!/bin/bash
# What to run when a GPU is at hand: tests first, then speed; some twelve minutes. docs/gpu-first-run.md says how to prepare it.
#
#   bench/gpu_first_run.sh OUT [PYTHON [tests | speed]]
#
# OUT gets a log of each step and the ledger of the timings. PYTHON has hepy, built with its tests, CuPy and pytest; without it
# `make gpu-check` and .venv. Where a command may not take that long, `tests` (eight minutes) and `speed` (four) are run one after the
# other. A step that fails or takes too long is noted, and the next one begins.
set -u
out=$(realpath -m "$1")
python=${2:-.venv/bin/python}
part=${3:-all}
cd "$(dirname "$0")/.."
mkdir -p "$out"
export PYTHONUNBUFFERED=1
status=0

# step NAME SECONDS COMMAND...
step() {
  local name=$1 limit=$2 begun=$SECONDS
  shift 2
  timeout --kill-after=10 "$limit" "$@" >"$out/$name.log" 2>&1
  local code=$?
  [ $code -eq 0 ] || status=1
  printf '%-16s exit %3d, %4d s of %d: %s\n' "$name" $code $((SECONDS - begun)) "$limit" "$(tail -n 1 "$out/$name.log")" |
    tee -a "$out/summary.txt"
}
# Most of a test's time is the host's: where pytest-xdist is there, tests share the GPU.
beside=()
"$python" -c 'import xdist' 2>/dev/null && beside=(-n "$(( $(nproc) < 14 ? $(nproc) : 14 ))")
tests() { step "$1" "$2" "$python" -m pytest -q -m gpu -p no:cacheprovider --durations=10 "${beside[@]}" "${@:3}"; }
sanitizer() {
  step "$1" "$2" compute-sanitizer --tool "$1" --error-exitcode 1 \
    "$python" -m pytest -q -m gpu -p no:cacheprovider "${@:3}"
}

step machine 10 nvidia-smi
if command -v nvcc >/dev/null; then
  step rates 60 sh -c "nvcc -arch=native -O3 bench/multiply_rates.cu -o '$out/multiply_rates' && '$out/multiply_rates'"
fi
step hepy 30 "$python" -c "from hepy.cli import commands; commands(['info'])"

if [ "$part" != speed ]; then
# Whether the runtime's names mean what the emulator takes them for, then kernels, then all that is built of them.
tests runtime 40 tests/kernels/test_runtime.py tests/kernels/test_random.py
tests kernels 90 tests/kernels --deselect tests/kernels/test_runtime.py --deselect tests/kernels/test_random.py
tests schemes 120 tests/random tests/devices tests/bigint tests/ring tests/paillier tests/ckks

# One size of each family of kernels under each tool: a sanitizer slows them down a hundredfold.
if command -v compute-sanitizer >/dev/null; then
  few='(1024-ones or not (1024 or 2048 or 3072 or 4096 or 6144 or 8192)) and not test_runtime'
  sanitizer memcheck 60 tests/kernels -k "$few"
  sanitizer racecheck 60 tests/kernels -k "$few"
  sanitizer initcheck 40 tests/kernels -k "$few"
fi
fi

[ "$part" = tests ] || step gpu 240 "$python" -m hepy.benchmarks gpu --folder "$out"
exit $status
