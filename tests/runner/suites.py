"""suites.py - what each suite builds and runs, and how its output is counted.
SPDX-License-Identifier: MIT"""
import concurrent.futures
import fnmatch
import glob
import json
import os
import re
import subprocess
import sys
import time

import build
import playwright


# Of suite service: the long ones first; alone what measures time or fills the machine.
SERVICE_ORDER = {"test_relayed.py": 1, "test_phone.py": 2, "test_abuse_people.py": 3, "page_calls.py": 4,
                 "page_people.py": 5, "test_shell.py": 6}
# Its inputs are many frames each: to weigh each by the rarity of what it reaches, or to look for leaks by running it
# again, takes longer than to run it. It looks for leaks itself.
FUZZ_MORE = {"service": ["-max_len=49152", "-len_control=0", "-entropic=0", "-detect_leaks=0"]}
SERVICE_ALONE = {"test_abuse_flood.py", "test_zz_abuse_table.py"}


def count_cmocka(text):
    def last(word):
        found = re.findall(rf"\[  ?{word} ?\] (\d+) test", text)
        return sum(int(n) for n in found)
    return last(" PASSED "), last(" FAILED "), last(" SKIPPED ")


def count_tap(text):
    passed = failed = skipped = 0
    for line in text.splitlines():
        if re.match(r"ok\b.*# *skip", line, re.I):
            skipped += 1
        elif re.match(r"ok\b", line):
            passed += 1
        elif re.match(r"not ok\b", line):
            failed += 1
    return passed, failed, skipped


def count_tap_some(text):
    """A file without a test is a mistake."""
    counted = count_tap(text)
    return counted if any(counted) else (0, 1, 0)


def count_sum(text):
    found = re.findall(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", text, re.M)
    return tuple(int(n) for n in found[-1]) if found else (0, 0, 0)


def count_one(_):
    return 1, 0, 0


def outcomes_of(text):
    """Of a TAP output of the files of Python: the names that passed, and those that were skipped."""
    found = re.findall(r"^ok(?: \d+)? - (\w+)[^#\n]*(# *skip)?", text, re.M | re.I)
    return {name for name, skip in found if not skip}, {name for name, skip in found if skip}


def failures_of(text):
    """Of a TAP output: what did not go well, without the rest."""
    keep, lines = False, []
    for line in text.splitlines():
        if re.match(r"(not )?ok\b", line):
            keep = line.startswith("not")
        if keep or not re.match(r"(ok\b|#|1\.\.)", line):
            lines.append(line)
    return "\n".join(lines)


def cut_leaks(text):
    """A failed test leaks what it held: not worth reading beside the failure."""
    at = text.find("ERROR: LeakSanitizer")
    return text[:at] if at > 0 and "[  FAILED  ]" in text[:at] else text


class Suites:
    def __init__(self, root, options, report):
        self.root = root
        self.options = options
        self.report = report
        self.long = {"XCALL_TEST_LONG": "1"} if options.long else {}

    def program(self, name, command, count, timeout=600, env=None, attempts=1):
        """Runs a program and adds what it counted; a bad exit is at least one failure. It gets so many
        attempts, and each that failed is told of."""
        self.report.note(name)
        for left in range(attempts - 1, -1, -1):
            start = time.monotonic()
            output, code = self.try_once(command, timeout, env)
            if not left or code in (0, 77):
                break
            print(f"{name}: tried again after\n{failures_of(output)}", flush=True)
        self.add(name, output, code, count, time.monotonic() - start)
        return output

    def try_once(self, command, timeout, env):
        try:
            done = subprocess.run(command, cwd=self.root, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, errors="replace",
                                  timeout=timeout, stdin=subprocess.DEVNULL,
                                  env={**os.environ, **self.long, **(env or {})})
            output, code = done.stdout, done.returncode
        except subprocess.TimeoutExpired as expired:
            text = expired.stdout or b""
            output = text.decode(errors="replace") if isinstance(text, bytes) else text
            output, code = f"{output}\nno end within {timeout} s", 1
        except OSError as error:
            output, code = str(error), 1
        return output, code

    def add(self, name, output, code, count, seconds):
        passed, failed, skipped = count(output)
        if code == 77:  # the program says that it cannot run here
            passed, failed, skipped = 0, 0, max(skipped, 1)
        elif code and not failed:
            failed, passed = 1, passed if count is not count_one else 0
            output = f"{output}\nexit code {code}"
        shown = failures_of(output) if count is count_tap else cut_leaks(output)
        self.report.add(name, passed, failed, skipped, seconds, shown)

    def meson(self, folder, *suites, exclude=()):
        """Runs the meson tests of these suites; their JSON log has each one's output."""
        command = ["meson", "test", "-C", folder, "--no-rebuild", "--quiet",
                   "--num-processes", str(self.options.jobs)]
        command += ["--timeout-multiplier", "30"] if self.options.long else []
        for suite in suites:
            command += ["--suite", suite]
        names = [n for n in self.meson_names(folder, suites) if n not in exclude]
        self.report.note(f"{len(names)} programs")
        env = {"LSAN_OPTIONS": "print_suppressions=0", **self.long}
        done = subprocess.run(command + names, cwd=self.root, capture_output=True, text=True,
                              errors="replace", env={**os.environ, **env})
        log = os.path.join(folder, "meson-logs", "testlog.json")
        results = {}
        if os.path.exists(log):
            with open(log, encoding="utf-8", errors="replace") as file:
                for line in file:
                    result = json.loads(line)
                    results[result["name"].split(" / ")[-1]] = result
        if not names or not results:
            self.report.add("meson test", failed=1, output=done.stdout + done.stderr)
        for name in names:
            result = results.get(name)
            if not result:
                self.report.add(name, failed=1, output="it did not run\n" + done.stdout[-2000:])
                continue
            output = (result.get("stdout") or "") + (result.get("stderr") or "")
            code = 0 if result["result"] in ("OK", "EXPECTEDFAIL") else \
                77 if result["result"] == "SKIP" else result.get("returncode") or 1
            if result["result"] == "TIMEOUT":
                output += "\nno end within its time"
            count = count_cmocka if "[==========]" in output or "cmocka" in output else count_one
            self.add(name, output, code, count, result["duration"])

    @staticmethod
    def meson_names(folder, suites):
        done = subprocess.run(["meson", "introspect", folder, "--tests"], capture_output=True,
                              text=True, check=True)
        return [test["name"] for test in json.loads(done.stdout)
                if {s.split(":")[-1] for s in test["suite"]} & set(suites)]

    # --- the suites ------------------------------------------------------------------------------

    def tidy(self):
        folder = build.folder(self.root, "build")
        tidy = os.path.join("tests", "tidy")
        self.program("tidy", [sys.executable, f"{tidy}/tidy.py", "--build", folder], count_tap)
        self.program("test_tidy", [sys.executable, f"{tidy}/test_tidy.py"], count_tap)

    def unit(self):
        folder = build.folder(self.root, "build-asan")
        self.meson(folder, "unit")

    def abi(self):
        folder = build.folder(self.root, "build-abi")
        scripts = ["headers", "layout", "symbols", "install", "ctypes_call",
                   "gate_calls"]
        command = [sys.executable, "tests/abi/abi_diff.py", folder]
        self.program("abi_diff", command + (["--renew"] if self.options.renew_abi else []),
                     count_tap)
        for name in scripts:
            command = [sys.executable, f"tests/abi/{name}.py", folder]
            if name == "layout" and self.options.renew_abi:
                command.append("--renew")
            self.program(name, command, count_tap)

    def rt(self):
        folder = build.folder(self.root, "build")
        self.meson(folder, "rt", "plain")
        folder = build.folder(self.root, "build-tsan")
        self.meson(folder, "thread")
        programs = {"stress_cycles": ["--cycles", str(self.options.cycles)],
                    "stress_random": ["--seconds", "60" if self.options.long else "10"],
                    "stress_calls": ["--seconds", "60" if self.options.long else "10"]}
        for name, arguments in programs.items():
            self.program(name, [f"{folder}/tests/engine/{name}"] + arguments, count_one, 7200,
                         {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"})

    def sim(self):
        options = self.options
        for folder, name, seeds, real, first in (
                ("build", "sim_grid", options.seeds, options.real, options.first_seed),
                # Other seeds, fewer, with assertions and sanitizers.
                ("build-asan", "sim_grid_asan", options.seeds // 2, options.real // 4,
                 options.first_seed + 1000000)):
            path = build.folder(self.root, folder, ["tests/sim/sim_grid"])
            self.program(name, [f"{path}/tests/sim/sim_grid", "--seeds", str(seeds), "--real",
                                str(real), "--first", str(first), "--jobs", str(options.jobs)],
                         count_sum, 36000)

    def e2e(self):
        folder = build.folder(self.root, "build")
        for path in sorted(glob.glob(os.path.join(self.root, "tests", "e2e", "test_*.py"))):
            self.program(os.path.basename(path)[:-3], [sys.executable, path, folder], count_tap,
                         1200)

    def service(self):
        """C programs in virtual time, sanitized; the files of Python against the release build, among all
        suites in two attempts, as real processes, sockets and browsers have their days."""
        folder = build.folder(self.root, "build-asan", ["service-programs", "tests/fuzz/replay_service"])
        cases = [f"*{case}*" for case in self.options.case]
        wanted = lambda name: not cases or any(fnmatch.fnmatch(name, case) for case in cases)
        names = self.meson_names(folder, ["service"])
        left = [name for name in names if wanted(name)]
        if left:
            self.meson(folder, "service", exclude=[name for name in names if name not in left])
        sanitized = {"XCALL_SANITIZED_BUILD": os.path.abspath(folder)}
        folder = build.folder(self.root, "build")
        self.report.note("playwright")
        skipped, wrong = playwright.prepare(self.root, os.path.abspath(folder), not self.options.no_install)
        if skipped:
            print(f"service: the tests of the web page are skipped: {skipped}", flush=True)
        elif wrong:
            self.report.add("playwright", failed=1, output=wrong)
        tests = os.path.join(self.root, "tests", "service")
        paths = glob.glob(os.path.join(tests, "test_*.py")) + glob.glob(os.path.join(tests, "page_*.py"))

        ran = os.path.abspath(os.path.join(folder, "service-ran.txt"))
        whole = {} if cases else {"XCALL_RAN": ran}
        passed = set(self.passed_of_cmocka(os.path.join(self.root, "build-asan")))
        skipped_ones = set()

        def one(path):
            name = os.path.basename(path)[:-3]
            # A case is a test in a file, or a whole file.
            command = ["/usr/bin/python3", path, folder]
            command += [] if wanted(name) else cases
            output = self.program(name, command, count_tap if cases else count_tap_some,
                                  7200 if self.options.long else 600, {**sanitized, **whole},
                                  attempts=1 if self.options.suites else 2)
            for tests_of, into in zip(outcomes_of(output), (passed, skipped_ones)):
                into.update(f"{name}.py {test}" for test in tests_of)
        paths.sort(key=lambda path: (SERVICE_ORDER.get(os.path.basename(path), 9), path))
        alone = [path for path in paths if os.path.basename(path) in SERVICE_ALONE]
        # Most of their time they wait for a bell to ring: one more than there are processors.
        with concurrent.futures.ThreadPoolExecutor(min(3, self.options.jobs + 1)) as pool:
            list(pool.map(one, [path for path in paths if path not in alone]))
        for path in alone:
            with open(ran, "w", encoding="utf-8") as file:  # what the last of them looks at
                file.write("\n".join(sorted(passed) + sorted(f"{test} # skip" for test in skipped_ones)))
            one(path)

    @staticmethod
    def passed_of_cmocka(folder):
        """"program test" of every test that the last `meson test` there saw pass."""
        log = os.path.join(folder, "meson-logs", "testlog.json")
        if not os.path.exists(log):
            return
        with open(log, encoding="utf-8", errors="replace") as file:
            for result in map(json.loads, file):
                program = result["name"].split("/")[-1].strip()
                for test in re.findall(r"\[ +OK \] (\w+)", (result.get("stdout") or "")
                                       + (result.get("stderr") or "")):
                    yield f"{program} {test}"

    def interop(self):
        folder = build.folder(self.root, "build")
        options = self.options
        def one(name):
            command = ["/usr/bin/python3", "tests/interop/main.py", folder, name, "--seeds",
                       str(options.renegotiations), "--first-seed", str(options.first_seed)]
            if options.brief:
                command += ["--brief", "--attempts", "2"]
            for case in options.case:
                command += ["--case", case]
            self.program(name, command, count_tap, 36000)
        # Calls last as long as calls do: two peers at a time, each in its own network.
        with concurrent.futures.ThreadPoolExecutor(min(2, options.jobs)) as pool:
            list(pool.map(one, options.peers))

    def fuzz(self):
        folder = build.folder(self.root, "build-fuzz", ["fuzzers"])
        names = sorted(os.path.basename(p)[5:-2]
                       for p in glob.glob(os.path.join(self.root, "tests", "fuzz", "fuzz_*.c")))
        found = os.path.join(folder, "found")
        os.makedirs(found, exist_ok=True)

        def one(name):
            grown = os.path.join(folder, "corpus", name)
            os.makedirs(grown, exist_ok=True)
            command = [os.path.join(folder, "tests", "fuzz", f"fuzz_{name}"), grown,
                       os.path.join(self.root, "tests", "fuzz", "corpus", name),
                       f"-max_total_time={self.options.fuzz_seconds}", "-timeout=10",
                       "-rss_limit_mb=2048", f"-artifact_prefix={found}/{name}-",
                       "-print_final_stats=1", "-verbosity=1", *FUZZ_MORE.get(name, [])]
            start = time.monotonic()
            try:
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      text=True, errors="replace",
                                      timeout=self.options.fuzz_seconds + 120,
                                      env={**os.environ, "ASAN_OPTIONS": "detect_leaks=1",
                                           "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
                                           "ASAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-14"})
                return name, done.stdout, done.returncode, time.monotonic() - start
            except (subprocess.TimeoutExpired, OSError) as error:
                return name, str(error), 1, time.monotonic() - start

        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            for name, output, code, seconds in pool.map(one, names):
                self.add(f"fuzz_{name}", output, code, count_one, seconds)
