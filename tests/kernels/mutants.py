"""Whether the kernel tests notice: barriers, carries and subtractions are taken out of the sources, one at a time.

    python tests/kernels/mutants.py [--only TEXT] [--list]

Each mutant is a copy of cuda/ with one change. The kernels named with it are compiled again for the emulator, one after
the other until one is caught, with a table of choices that has one small shape (which has all that larger ones have:
eight lanes, several groups a warp, several warps a block). Their tests run with threads in shuffled and in reversed
order, and with one warp ahead of the others. A mutant whose tests all pass has survived, and asks for a test; or for a word here, why nobody could tell.

Like any test of tests this says nothing about mistakes that nobody thought of. And some races no test on the emulator can
see: a thread runs on until it waits. Those that are known stand in the list, with the reason; on a
GPU compute-sanitizer's racecheck looks for them.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pybind11

ROOT = Path(__file__).parents[2]
SHAPE = "{90, 64, 8, 2, 1, 8},"  # 64 limbs: 8 lanes of 8; 2 warps a block
PAIRS = "{90, 64, 4, 2, 1, 8, true},"  # the same for pairs: 4 lanes of 8 limbs of each number
# Tests of other sizes, and those that know the real table.
LEFT_OUT = ("3072", "4096", "6144", "8192", "sizes_between", "every_order", "sizes_and_edges", "Refusals", "whole_blocks",
            "above_the_slots_take", "any_order_of_threads")  # fmt: skip
TESTS = {
    "elementwise": ("tests/kernels/bigint/test_elementwise.py",),
    "conversion": (
        "tests/kernels/bigint/test_conversion.py",
        "tests/kernels/bigint/test_fermat_quotients.py::test_numbers",
    ),
    "products": ("tests/kernels/bigint/test_products.py",),
    "power": ("tests/kernels/bigint/test_powers.py",),
    "fixed_base": ("tests/kernels/bigint/test_powers.py",),
    "multi_power": ("tests/kernels/bigint/test_powers.py",),
    "principal": ("tests/kernels/bigint/test_principal.py",),
    "fermat_quotients": ("tests/kernels/bigint/test_fermat_quotients.py", "tests/bigint/test_fermat_quotients.py"),
}
SCHEDULES = ("shuffled:1", "reversed", "ahead:1")
TIMEOUT_S = 300  # a mutant may loop for ever
FLAGS = ["-std=gnu++17", "-O1", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-w", "-pthread"]
FLAGS += ["-DHEPY_EMULATOR", "-DHEPY_MODULE=_emulator", '-DHEPY_ARCHITECTURES=""']


@dataclasses.dataclass(frozen=True)
class Mutant:
    """In `file` of cuda/bigint, `before` becomes `after`.

    Attributes:
        within: text that `before` follows, where it stands more than once.
        why_alive: why no test can tell it from the original, where none can.
        kernels: files whose tests should notice; those that go first are tested first.
    """

    file: str
    before: str
    after: str
    within: str = ""
    why_alive: str = ""
    kernels: tuple[str, ...] = ("elementwise", "conversion")

    def __str__(self) -> str:
        place = f" after `{self.within}`" if self.within else ""
        return f"{self.file}: `{self.before}` -> `{self.after}`{place}"

    def apply(self, text: str) -> str:
        start = text.index(self.within) if self.within else 0
        at = text.index(self.before, start)
        if not self.within and text.count(self.before) != 1:
            raise ValueError(f"{self}: stands {text.count(self.before)} times, say within what")
        return text[:at] + self.after + text[at + len(self.before) :]


def _barrier(file: str, within: str, why_alive: str = "", name: str = "__syncwarp();") -> Mutant:
    return Mutant(file, name, "", within, why_alive)


# A shuffle of the emulator is a meeting of its lanes, as a barrier is. CUDA promises that of __syncwarp only.
_AN_EXCHANGE_BEFORE = "between the last read and this write are exchanges, which nobody passes before all have come"
_SUMS_COMMUTE = "lanes add to the same blocks, each in one go until it waits, in any order; racecheck on a GPU sees it"
_A_SHUFFLE_FOLLOWS = "the emulator's shuffle, which comes next, lets nobody pass before all have come"

MUTANTS = (
    # Barriers.
    _barrier("warp.cuh", "one(constants + int(Constant::kOne)", name="__syncthreads();"),
    _barrier("warp.cuh", "void put(const Limb* x) const {", _AN_EXCHANGE_BEFORE),
    _barrier("warp.cuh", "store_words<count>(own(), x);"),
    _barrier("warp.cuh", "const auto mine = reinterpret_cast<std::uint64_t>(integer);", _A_SHUFFLE_FOLLOWS),
    _barrier("warp.cuh", "uint4{0, 0, 0, 0});"),
    _barrier("square.cuh", "for (int d = 1; d < T / 2; ++d) {"),
    _barrier("square.cuh", "add_pair(space, a, lane, d);", _SUMS_COMMUTE),
    _barrier("square.cuh", "add_half_pair(space, lane);\n"),
    _barrier("warp.cuh", "void fetch_words(const Integer& integer, std::size_t words, std::size_t from) const {", _AN_EXCHANGE_BEFORE),
    _barrier("warp.cuh", "at < words ? source[at] : 0;"),
    # Carries within a lane.
    Mutant("chains.cuh", "carry = runtime::addc(carry, 0, flag);", "", "Limb& next, Limb& carry) {"),
    Mutant("chains.cuh", "next = runtime::addc_cc(next, 0, flag);", ""),
    Mutant("chains.cuh", "carry = runtime::addc(carry, 0, flag);", "", "int count, Limb& carry) {"),
    Mutant("chains.cuh", "return runtime::addc(0, 0, flag);", "return 0;", "Limb mad_chain_shift"),
    Mutant("chains.cuh", "low = runtime::add_cc(low, acc[1], flag);", "low = low + acc[1];"),
    Mutant("chains.cuh", "return runtime::addc(0, 0, flag);", "return 0;", "Limb square_chain"),
    Mutant("chains.cuh", "return runtime::addc(0, 0, flag);", "return 0;", "Limb add_chain"),
    Mutant("chains.cuh", "return runtime::addc(0, 0, flag);", "return 0;", "Limb add_word"),
    Mutant("montgomery.cuh", "return carry + add_chain<L>(r, shifted);", "return add_chain<L>(r, shifted);"),
    Mutant("square.cuh", "running = add_word<2>(pair, running) + add_chain<2>(pair, beside);",
           "running = add_word<2>(pair, running); add_chain<2>(pair, beside);"),
    Mutant("square.cuh", "running = add_word<2>(pair, running) + add_chain<2>(pair, beside);",
           "add_word<2>(pair, running); running = add_chain<2>(pair, beside);"),
    # Carries from lane to lane.
    Mutant("group.cuh", "(std::uint64_t(generate) << 1)", "std::uint64_t(generate)"),
    Mutant("group.cuh", "__ballot_sync(kAllLanes, ones == ~0u)", "__ballot_sync(kAllLanes, false)"),
    Mutant("group.cuh", " + propagate + entering)", " + propagate)"),
    Mutant("group.cuh", "return Limb(reached >> T) & 1;", "return 0;"),
    Mutant("group.cuh", "return above + ripple(", "return ripple("),
    Mutant("group.cuh", "lane == 0 ? entering : below", "below"),
    Mutant("montgomery.cuh", "return lane == T - 1 ? 0 : received;", "return received;"),
    Mutant("montgomery.cuh", "(even[0] + odd[1]) * group.minus_n_inverse", "even[0] * group.minus_n_inverse"),
    Mutant("square.cuh", "group.lane == 0 ? entering : 0", "0"),
    Mutant("square.cuh", "group.lane == 0 ? 0 : entering", "0"),
    Mutant("square.cuh", "group.lane == 0 ? 0 : entering", "entering"),
    Mutant("square.cuh", "2 * over + shifted_out + square_chain", "2 * over + square_chain"),
    Mutant("square.cuh", "2 * over + shifted_out", "shifted_out"),
    Mutant("square.cuh", " + space.carries(plain) + ", " + "),
    Mutant("square.cuh", "(both ? space.carries(wrapped) : 0)", "0"),
    Mutant("square.cuh", "space.carries(high) += multiply_add<L>", "multiply_add<L>"),
    Mutant("square.cuh", "space.carries(high) += carry;", ""),
    Mutant("square.cuh", "carry = passed;", ""),
    Mutant("square.cuh", "upper ? 0 : carry", "0"),
    # Subtractions and additions that end an operation.
    Mutant("group.cuh", "{ subtract_if(resolve(r, over), r, modulus); }", "{ resolve(r, over); }"),
    Mutant("group.cuh", "return take - ripple(", "return 0 & ripple("),
    Mutant("montgomery.cuh", "r[j] = is_modulus ? 0 : r[j];", ""),
    Mutant("montgomery.cuh", "group.resolve(r, over);", ""),
    Mutant("sums.cuh", "beyond = group.template accumulate_if<subtracting>(beyond, x, one);", "beyond = 0;"),
    Mutant("sums.cuh", "  group.template accumulate_if<subtracting>(beyond, x, one);\n}", "}"),
    Mutant("conversion.cu", "add_number_lazy(warp.group, a, warp.own(), one);",
           "warp.group.add(a, warp.own());"),
    # Pairs.
    Mutant("pairs.cuh", "again += this->template accumulate_if<subtracting>(beyond > 1, x, radix());", ""),
    Mutant("pairs.cuh", "    this->template accumulate_if<subtracting>(again, x, radix());\n", ""),
    Mutant("pairs.cuh", "(even2[0] - q) * group.minus_n_inverse", "even2[0] * group.minus_n_inverse"),
    Mutant("pairs.cuh", "even2[0] + odd2[1] - q)", "even2[0] + odd2[1])", kernels=("conversion",)),
    Mutant("pairs.cuh", "mad_chain(even2, b, c, L, odd2[L - 1], second.carry);", "mad_chain(even2, b, c, L, second.carry);"),
    Mutant("pairs.cuh", "group.subtract_if(above, r, group.modulus);", ""),
    Mutant("pairs.cuh", "group.resolve(v, over2, above)", "group.resolve(v, over2)"),
    Mutant("pairs.cuh", "over2 += add_chain<L>(r + L, addend);", "add_chain<L>(r + L, addend);"),
    Mutant("pairs.cuh", "a[j] & (0u - (top >> 31))", "0"),
    Mutant("pairs.cuh", "(group.lane == 0 ? 0 : below >> 31)", "(below >> 31)"),
    Mutant("pairs.cuh", "group.resolve(v, over2, is_modulus);", "group.resolve(v, over2);", kernels=("conversion",)),
    Mutant("pairs.cuh", "v[j] = is_least ? v[j] : less[j];", "", kernels=("conversion",)),
    Mutant("pairs.cuh", "beyond += group.template accumulate_if<subtracting>(once, x + L, one + L);", ""),
    Mutant("pairs.cuh", "beyond += group.template accumulate_if<subtracting>(twice, x + L, one + L);", ""),
    Mutant("pairs.cuh", "if (group.lane == 0) store_words", "store_words", kernels=("conversion",)),
    # Principal units.
    Mutant("principal.cu", "      add_lazy(group, factor, warp.own(), radix);\n", "", kernels=("principal",)),
    Mutant("principal.cu", "      warp.template put<L>(factor);\n    }", "    }", kernels=("principal",)),
    Mutant("principal.cu", "negative ? minus[j] : factor[j]", "factor[j]", kernels=("principal",)),
    Mutant("principal.cu", "i < count && k.is_negative(i)", "k.is_negative(0)", kernels=("principal",)),
    Mutant("principal.cu", "add_lazy(group, a + L, factor, radix);", "group.add(a + L, factor);", kernels=("principal",)),
    Mutant("montgomery.cuh", "at < rows; at += kProductRows", "at < Shape::total; at += kProductRows", kernels=("principal",)),
    # Who works on what, and up to where.
    Mutant("warp.cuh", "unsigned(group.first / T) >= count", "unsigned(group.first / T) + 1 >= count", kernels=("elementwise", "products")),
    Mutant("elementwise.cu", "warp.deliver(i < count ? ", "warp.deliver(i <= count ? ", "multiply_kernel("),
    Mutant("power.cu", "from_row(e, first)", "e", kernels=("power",)),
    Mutant("fermat_quotients.cu", "is_exact & others", "is_exact", kernels=("fermat_quotients",)),
    Mutant("fermat_quotients.cu", "add_number_lazy(warp.group, a, warp.own(), one);", "warp.group.add(a, warp.own());", kernels=("fermat_quotients",)),
    Mutant("fermat_quotients.cu", "group.first ^ Shape::threads", "group.first", kernels=("fermat_quotients",)),
    Mutant("power_steps.cuh", "if (variable && !__any_sync(kAllLanes, digit != 0)) continue;", "if (variable && digit == 0) continue;", kernels=("power",)),
    Mutant("multi_power.cu", "if (!__any_sync(kAllLanes, digit != 0)) continue;", "if (digit == 0) continue;", kernels=("multi_power",)),
    Mutant("fixed_base.cu", "if (s >= position * window) load_words<Shape::limbs>(a, warp.own());", "", kernels=("fixed_base",)),
    Mutant("products.cu", "__any_sync(kAllLanes, ++k < end)", "++k < end", kernels=("products",)),
    Mutant("products.cu", "k < end ? element", "k <= end ? element", kernels=("products",)),
    Mutant("products.cu", "k < end ? out + k * Shape::total", "k <= end ? out + k * Shape::total", "++k < end", kernels=("products",)),
    # Windows of exponents.
    Mutant("power_steps.cuh", "at + 1 < width ? words[at + 1] : 0", "0", kernels=("power",)),
    Mutant("power_steps.cuh", "(bits + window - 1) / window : 1", "bits / window : 1", kernels=("power", "fixed_base")),
    Mutant("power_steps.cuh", "j < 1u << window", "j + 1 < 1u << window", "warp.fetch(a, entry(1));", kernels=("power", "fixed_base")),
    Mutant("power_steps.cuh", "j < 1u << window", "j + 1 < 1u << window", "Limb found[Shape::limbs]", kernels=("power",)),
    Mutant("power_steps.cuh", "square_times(warp, a, exponent.window);", "square_times(warp, a, exponent.window - 1);", kernels=("power",)),
    Mutant("power_steps.cuh", "variable && position > 0 &&", "variable && position > 1 &&", kernels=("power",),
           why_alive="one window of zeros more is squared and multiplied by 1: slower, and right"),
    Mutant("fixed_base.cu", "unsigned position = 1; position", "unsigned position = 2; position", kernels=("fixed_base",)),
    Mutant("fixed_base.cu", "s < last * window", "s + window < last * window", kernels=("fixed_base",)),
    Mutant("multi_power.cu", "begun ? window : 0", "window", kernels=("multi_power",),
           why_alive="1 is squared until something is multiplied: slower, and right"),
    Mutant("multi_power.cu", "unsigned d = digits - 1; d > 0", "unsigned d = digits - 1; d > 1", kernels=("multi_power",)),
    Mutant("multi_power.cu", "unsigned p = positions - 1; p > 0", "unsigned p = positions - 1; p > 1", kernels=("multi_power",)),
    # Operands.
    Mutant("elementwise.cu", "warp.fetch(a, element<Shape>(x,", "warp.fetch(a, element<Shape>(y,", "add_kernel("),
    Mutant("elementwise.cu", "warp.fetch(a, element<Shape>(x,", "warp.fetch(a, element<Shape>(y,", "multiply_kernel("),
    Mutant("elementwise.cu", "accumulate_lazy<subtracting>", "accumulate_lazy<!subtracting>"),
    Mutant("products.cu", "before ? factor(k) : k < here ? place(k - 1) : warp.one", "factor(k)", kernels=("products",)),
    Mutant("fermat_quotients.cu", "(constants) + side * Shape::shared", "(constants)", kernels=("fermat_quotients",)),
    # Fixed-point numbers.
    Mutant("fixed_points.cuh", "rest > half || (rest == half && (quotient & 1))", "rest >= half", kernels=("conversion",)),
    Mutant("fixed_points.cuh", "if (shift > 53) return 0;", "if (shift > 52) return 0;", kernels=("conversion",)),
    Mutant("fixed_points.cuh", "bit >= 64 ? 0", "bit >= 63 ? 0", kernels=("conversion",)),
    Mutant("fixed_points.cuh", "bit <= -32 ||", "bit <= -31 ||", kernels=("conversion",)),
    Mutant("fixed_points.cuh", "(exponent > 0 ? exponent : 1) - 1075", "exponent - 1075", kernels=("conversion",)),
    Mutant("fixed_points.cuh", "number != Number::kUnsigned && ", "", kernels=("conversion",)),
)  # fmt: skip


class Build:
    """The emulator's module from a copy of cuda/, and objects that mutants leave alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said = ""  # by tests that failed
        self.cuda = folder / "cuda"
        self.package = folder / "site" / "hepy"
        shutil.copytree(ROOT / "cuda", self.cuda)
        (self.cuda / "bigint" / "choices.inc").write_text(SHAPE)
        (self.cuda / "bigint" / "pairs.inc").write_text(PAIRS)
        self.package.mkdir(parents=True)
        for each in (ROOT / "src" / "hepy").iterdir():
            if not each.name.startswith("_emulator."):
                (self.package / each.name).symlink_to(each)
        folders = ("random", "bigint", "ring", "bindings", "runtime/emulator")
        self.sources = [self.cuda / "runtime" / "launch.cpp"]
        self.sources += [
            path for name in folders for path in sorted((self.cuda / name).glob("*.c*")) if path.suffix != ".cuh"
        ]
        self.objects = self._compile(self.sources, "original")
        self._link(self.objects)

    def _compile(self, sources: list[Path], kind: str) -> dict[Path, Path]:
        python = [f"-I{sysconfig.get_path('include')}", f"-I{pybind11.get_include()}"]

        def one(source: Path) -> Path:
            out = self.folder / f"{'_'.join(source.relative_to(self.cuda).parts)}.{kind}.o"
            command = ["c++", *FLAGS, f"-I{self.cuda}", *(python if source.parent.name == "bindings" else [])]
            command += ["-x", "c++", "-c", str(source), "-o", str(out)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"{source.name} does not compile:\n{done.stderr[:2000]}")
            return out

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return dict(zip(sources, pool.map(one, sources), strict=True))

    def _link(self, objects: dict[Path, Path]) -> None:
        module = self.package / f"_emulator{sysconfig.get_config_var('EXT_SUFFIX')}"
        subprocess.run(["c++", "-shared", "-pthread", "-o", str(module), *map(str, objects.values())], check=True)

    def survives(self, mutant: Mutant) -> bool:
        """Whether all tests pass with it."""
        return all(self._passes(mutant, kernel) for kernel in mutant.kernels)

    def _passes(self, mutant: Mutant, kernel: str) -> bool:
        file = self.cuda / "bigint" / mutant.file
        original = file.read_text()
        try:
            file.write_text(mutant.apply(original))
            changed = self._compile([self.cuda / "bigint" / f"{kernel}.cu"], "mutant")
        finally:
            file.write_text(original)
        # First come first served, for functions that several objects bring.
        self._link({**changed, **{source: made for source, made in self.objects.items() if source not in changed}})
        return self.tests_pass([kernel])

    def tests_pass(self, kernels: Iterable[str]) -> bool:
        """Whether those of these kernels do under every schedule."""
        files = dict.fromkeys(file for name in kernels for file in TESTS[name])
        chosen = " and ".join(f"not {name}" for name in LEFT_OUT)
        for schedule in SCHEDULES:
            environment = os.environ | {"PYTHONPATH": str(self.package.parent), "HEPY_EMULATOR_SCHEDULE": schedule}
            command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *files, "-k", chosen]
            try:
                done = subprocess.run(
                    command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S
                )
            except subprocess.TimeoutExpired:
                return False
            if done.returncode not in (0, 1) and done.returncode > 0:  # below 0: a signal ended the process
                raise RuntimeError(f"the tests did not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
            if done.returncode:
                self.said = f"exit status {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-1000:]}"
                return False
        return True


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="mutants whose description has this text")
    parser.add_argument("--list", action="store_true", help="describe them and stop")
    options = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if options.only in str(mutant)]
    if options.list:
        print(*chosen, sep="\n")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        build, unexpected = Build(Path(folder)), 0
        if not build.tests_pass(TESTS):
            raise RuntimeError(f"the tests fail without any mutant:\n{build.said}")
        for mutant in chosen:
            started, alive = time.monotonic(), build.survives(mutant)
            told = f"survives, as expected: {mutant.why_alive}" if mutant.why_alive else "SURVIVES"
            unexpected += alive != bool(mutant.why_alive)
            verdict = told if alive else "is noticed" + (", unexpectedly" if mutant.why_alive else "")
            print(f"{verdict:24} {time.monotonic() - started:5.0f} s  {mutant}", flush=True)
    print(f"{len(chosen)} mutants, {unexpected} not as expected")
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
