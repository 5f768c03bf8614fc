"""Tests of the scripts themselves: what they read, count and refuse. Run by scripts/test."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import math
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SCRIPTS))

from benchmark.measure import Result  # noqa: E402
from benchmark.proxies import Servartuka, Setup  # noqa: E402
from benchmark.report import median_ratio  # noqa: E402
from benchmark.search import search_peak  # noqa: E402
from benchmark.sipp import Address, UacResult, last_row, setup_times  # noqa: E402


def load_style():
    loader = importlib.machinery.SourceFileLoader("style", str(SCRIPTS / "style"))
    spec = importlib.util.spec_from_loader("style", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


class StyleRules(unittest.TestCase):
    """Each rule finds what it is for, and lets the permitted neighbour pass."""

    def setUp(self) -> None:
        self.style = load_style()
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name) / "checkout"
        self.root.mkdir()
        self.style.ROOT = self.root
        subprocess.run(["git", "init", "-q", str(self.root)], check=True)

    def findings(self, rule: str, **files: str) -> list[tuple[str, int]]:
        for name, text in files.items():
            path = self.root / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return [(name, line) for name, line, _ in getattr(self.style, rule)(self.style.tracked_files())]

    def test_a_pure_module_may_not_import_foundation(self) -> None:
        text = "import Synchronization\nimport Foundation\n"
        found = self.findings("check_imports", Sources__SIPMessage__A_dot_swift=text)
        self.assertEqual(found, [("Sources/SIPMessage/A.swift", 2)])

    def test_a_pure_module_may_import_one_memory_function_but_not_the_library(self) -> None:
        text = "internal import func Glibc.memchr\nimport func Glibc.open\ninternal import Glibc\n"
        found = self.findings("check_imports", Sources__SIPMessage__A_dot_swift=text)
        self.assertEqual([line for _, line in found], [2, 3])

    def test_a_leftover_and_white_space_at_the_end_are_found(self) -> None:
        word = "TO" + "DO"
        found = self.findings("check_leftovers", Sources__A__B_dot_swift=f"let a = 1\n// {word}: later\nlet b = 2 \n")
        self.assertEqual([line for _, line in found], [2, 3])

    def test_the_unchecked_flag_is_found_in_settings_but_not_in_a_comment(self) -> None:
        found = self.findings("check_leftovers", Package_dot_swift='// never -Ounchecked\nlet a = ["-Ounchecked"]\n')
        self.assertEqual(found, [("Package.swift", 2)])

    def test_a_path_of_this_machine_is_found(self) -> None:
        home = "home"
        found = self.findings("check_leftovers", docs__a_dot_md=f"see {self.root}/x\n\nand /{home}/someone/y\n")
        self.assertEqual([line for _, line in found], [1, 3])

    def test_a_link_that_leads_nowhere_is_found_outside_code(self) -> None:
        text = "[a](b.md)\n[c](missing.md#x)\n```\n[d](missing.md)\n```\n[e](https://example.com)\n"
        found = self.findings("check_links", docs__a_dot_md=text, docs__b_dot_md="")
        self.assertEqual(found, [("docs/a.md", 2)])

    def test_an_undocumented_dependency_is_found(self) -> None:
        lines = [f'.package(url: "https://example.com/x/{name}", from: "1.0.0"),' for name in ("known", "unknown")]
        found = self.findings(
            "check_dependencies", Package_dot_swift="\n".join(lines), docs__dependencies_dot_md="Known: parses things\n"
        )
        # "unknown" contains "known", not the other way round: only the second is undocumented.
        self.assertEqual(found, [("Package.swift", 2)])

    def test_a_file_over_the_limit_is_found(self) -> None:
        limit = self.style.SOURCE_LINES_MAX
        found = self.findings(
            "check_length", Sources__A__B_dot_swift="\n" * limit, Sources__A__C_dot_swift="\n" * (limit + 1)
        )
        self.assertEqual([name for name, _ in found], ["Sources/A/C.swift"])


class Statistics(unittest.TestCase):
    def test_set_up_time_runs_from_the_first_invite_to_the_200(self) -> None:
        rows = [
            "d\tt\t10.000100\tS\tcall-1\tCSeq:1 INVITE\tINVITE sip:a@example.com SIP/2.0",
            "d\tt\t10.500100\tS\tcall-1\tCSeq:1 INVITE\tINVITE sip:a@example.com SIP/2.0",
            "d\tt\t10.600000\tR\tcall-1\tCSeq:1 INVITE\tSIP/2.0 180 Ringing",
            "d\tt\t10.700100\tR\tcall-1\tCSeq:1 INVITE\tSIP/2.0 200 OK",
            "d\tt\t10.800000\tR\tcall-1\tCSeq:2 BYE\tSIP/2.0 200 OK",
        ]
        with tempfile.NamedTemporaryFile("w+", suffix=".csv") as file:
            file.write("\n".join(rows) + "\n")
            file.flush()
            times = setup_times(Path(file.name))
        self.assertEqual([round(value, 3) for value in times], [700.0])

    def test_a_half_written_last_row_is_not_read(self) -> None:
        with tempfile.NamedTemporaryFile("w+", suffix=".csv") as file:
            file.write("A;B;C;D;\n1;2;3;4;\n5;6")
            file.flush()
            self.assertEqual(last_row(Path(file.name))["A"], "1")

    def test_percentiles_are_nearest_rank_and_unknown_without_samples(self) -> None:
        result = UacResult(100, setup_milliseconds=[float(n) for n in range(100, 0, -1)])
        self.assertEqual((result.percentile(0.5), result.percentile(0.99)), (51.0, 100.0))
        self.assertTrue(math.isnan(UacResult(100).percentile(0.5)))

    def test_ratios_are_taken_within_a_round(self) -> None:
        results = []
        for number, (ours, theirs) in enumerate([(20.0, 10.0), (200.0, 100.0), (9.0, 1.0)]):
            results.append(Result(number, "stateful", "servartuka", calls_per_cpu_second=ours))
            results.append(Result(number, "stateful", "kamailio", calls_per_cpu_second=theirs))
        self.assertEqual(median_ratio(results, "stateful", "servartuka", "kamailio", "calls_per_cpu_second"), 2.0)

    def test_no_call_at_all_counts_as_failed(self) -> None:
        self.assertEqual(UacResult(100).failed_share, 1.0)


class PeakSearch(unittest.TestCase):
    def peak(self, limit: float, guess: float, steps_max: int = 50) -> tuple[float, list[float]]:
        tried: list[float] = []

        def sustains(rate: float) -> bool:
            tried.append(rate)
            return rate <= limit

        low = search_peak(sustains, guess, tolerance=0.05, steps_max=steps_max, growth=1.15, shrink=0.8)
        return low, tried

    def test_the_peak_is_found_from_below_and_from_above(self) -> None:
        for guess in (100.0, 990.0, 1000.0, 9000.0):
            low, _ = self.peak(1000.0, guess)
            self.assertTrue(1000 / 1.05 <= low <= 1000, f"{low} from {guess}")

    def test_nothing_sustained_is_0_and_the_steps_end(self) -> None:
        low, tried = self.peak(0.0, 1000.0, steps_max=6)
        self.assertEqual((low, len(tried)), (0.0, 6))


class Configuration(unittest.TestCase):
    def test_an_ipv6_listener_is_written_in_brackets(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            setup = Setup("stateful", Address("::1", 5062), Address("::1", 5064), Path(name))
            Servartuka(Path("/nonexistent")).command(setup)
            text = (Path(name) / "servartuka.yaml").read_text()
        self.assertIn('"udp:[::1]:5062"', text)
        self.assertIn("policy: stateful", text)


if __name__ == "__main__":
    unittest.main()
