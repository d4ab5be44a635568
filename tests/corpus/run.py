#!/usr/bin/env python3
"""Runs Plimsoll, Trivy and gitleaks over the corpus and compares them.

    run.py [clean|planted] [--only=NAME,...] [--alone] [--help]

Exits with 1 when Plimsoll denies a clean image or misses a plant. What everybody found is in result.json in the cache
folder. --alone leaves the peers out. PLIMSOLL names the binary, PLIMSOLL_CORPUS_FRESH=1 asks the peers again instead of using what they said before.
"""

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import build
import plants
from layout import Image
from packages import CACHE
from plants import CONFIG, SECRET, TOOLKIT, WEIGHTS, Plant
from tools import Gitleaks, Plimsoll, Report, Trivy

KINDS = [(SECRET, "secrets in files"), (CONFIG, "secrets in the configuration"), (WEIGHTS, "model weights"), (TOOLKIT, "GPU toolkits")]
WIDTH = 100


def main() -> int:
    """Builds what is missing, runs everything, prints the table."""
    asked = arguments()
    halves = list(dict.fromkeys(asked.halves)) or list(HALVES)
    only = [name for names in asked.only for name in names.split(",")]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the working folder is removed
    begin = time.monotonic()
    result = {half: HALVES[half](only) for half in halves}
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / "result.json").write_text(json.dumps(result, indent=1))
    print_table(result)
    print(f"\n{time.monotonic() - begin:.0f} s altogether; details: {CACHE / 'result.json'}")
    return 1 if any(half["wrong"] for half in result.values()) else 0


def arguments() -> argparse.Namespace:
    """What the command line asks for; ends with 2 on what it does not know."""
    about, details = __doc__.split("\n\n", 1)
    parser = argparse.ArgumentParser(
        prog="run.py",
        usage="%(prog)s [clean|planted] [--only=NAME,...] [--alone]",
        description=about,
        epilog=details.split("\n\n", 1)[1],
        allow_abbrev=False,
    )
    parser.add_argument("halves", nargs="*", metavar="clean|planted", help="half of the corpus; both when none is named")
    parser.add_argument("--only", action="append", default=[], metavar="NAME,...", help="images to run on")
    parser.add_argument("--alone", action="store_true", help="leave the peers out")
    asked = parser.parse_args()
    unknown = [half for half in asked.halves if half not in HALVES]
    if unknown:
        parser.error(f"no such half: {unknown[0]}")
    return asked


def tools(work: Path) -> list:
    """The three, with empty caches below `work`."""
    return [Plimsoll(work)] if "--alone" in sys.argv else [Plimsoll(work), Trivy(work), Gitleaks(work)]


def progress(text: str) -> None:
    """One line on the terminal that the next overwrites."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}"[:WIDTH], end="", file=sys.stderr, flush=True)


def ask(half: str, roots: list[Path], of_peers: set[str] | None = None) -> dict[str, dict[str, Report]]:
    """Every tool's report of every image, by tool and image; the peers' only of those named, where some are.

    One tool after the other, so that none waits for another.
    """
    reports: dict[str, dict[str, Report]] = {}
    work = Path(tempfile.mkdtemp(prefix="work-", dir=CACHE))
    try:
        for tool in tools(work):
            mine = reports[f"{tool.name} {tool.version}"] = {}
            is_asked = [root for root in roots if is_ours(tool.name) or not of_peers or root.name in of_peers]
            for at, root in enumerate(is_asked, 1):
                progress(f"{half}: {tool.name} {at}/{len(is_asked)} {root.name}")
                mine[root.name] = tool.check(root)
            if getattr(tool, "kept", 0):
                print(f"{half}: {tool.kept} of {len(is_asked)} reports of {tool.name} are from an earlier run")
        progress("")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return reports


def is_ours(tool: str) -> bool:
    """Whether that is the tool under test."""
    return tool.startswith(Plimsoll.name)


def cost(reports: dict[str, Report]) -> dict:
    """Seconds of all, peak of any."""
    return {
        "seconds": sum(each.seconds for each in reports.values()),
        "peak_mib": max((each.peak_mib for each in reports.values()), default=0),
    }


def run_clean(only: list[str]) -> dict:
    """No image may be denied."""
    reports = ask("clean", build.build_clean(only))
    found = {"images": 0, "wrong": [], "warnings": [], "tools": {}}
    for tool, by_image in reports.items():
        found["images"] = len(by_image)
        denials = {name: [f for f in each.findings if f.level == "deny"] for name, each in by_image.items()}
        warnings = {name: [f for f in each.findings if f.level != "deny"] for name, each in by_image.items()}
        found["tools"][tool] = cost(by_image) | {
            "denied": sum(map(len, denials.values())),
            "denied_images": sum(map(bool, denials.values())),
            "warned": sum(map(len, warnings.values())),
            "warned_images": sum(map(bool, warnings.values())),
            "images": {name: asdict(each) for name, each in by_image.items()},
        }
        if is_ours(tool):
            found["wrong"] = [lines(name, each) for name, those in denials.items() for each in those]
            found["wrong"] += [f"{name}: undecided" for name, each in by_image.items() if each.decision == "undecided"]
            found["warnings"] = [lines(name, each) for name, those in warnings.items() for each in those]
    return found


def lines(image: str, finding) -> str:
    """A finding in one line."""
    return f"{image}: {finding.level} {finding.rule} {finding.path}: {finding.message}"


def run_planted(only: list[str]) -> dict:
    """Every plant has to be named. What a tool says of the same image without a plant does not count."""
    control = build.start()
    Plant("control", "", ()).put(control)
    shutil.rmtree(CACHE / "planted" / "control", ignore_errors=True)
    roots = build.build_planted(only)
    wanted = [plant for plant in plants.PLANTS if not only or plant.id in only]
    # Neither peer looks for weights or toolkits.
    of_peers = {"control"} | {plant.id for plant in wanted if plant.rule in (SECRET, CONFIG)}
    reports = ask("planted", [control.write(CACHE / "planted" / "control"), *roots], of_peers)
    found = {"plants": len(wanted), "wrong": [], "tools": {}}
    for tool, by_image in reports.items():
        usual = {finding.key() for finding in by_image["control"].findings}
        recall = {kind: {"found": [], "missed": []} for kind, _ in KINDS}
        for plant in wanted:
            if plant.id not in by_image:
                continue
            report = by_image[plant.id]
            report.findings = [each for each in report.findings if each.key() not in usual]
            is_found = (is_named if is_ours(tool) else is_noticed)(plant, report)
            recall[plant.rule]["found" if is_found else "missed"].append(plant.id)
            if is_ours(tool) and not is_found:
                said = "; ".join(lines("", each)[2:] for each in report.findings) or "nothing"
                found["wrong"].append(f"{plant.id}: {plant.rule} has to {plant.level} {plant.named[0]}, but said {said}")
        found["tools"][tool] = cost({name: by_image[name] for name in of_peers}) | {"recall": recall}
    return found


def is_named(plant: Plant, report: Report) -> bool:
    """Whether Plimsoll names the plant, by the right rule and at the level that the plant asks for."""
    return any(
        finding.rule == plant.rule
        and finding.level in ("deny", plant.level)
        and any(word in finding.path or word in finding.message for word in plant.named)
        for finding in report.findings
    )


def is_noticed(plant: Plant, report: Report) -> bool:
    """Whether a peer says anything of the plant's file, or of the configuration, by any rule."""
    if plant.rule == CONFIG:
        return any(not finding.path for finding in report.findings)
    return any(finding.path.startswith(word) for finding in report.findings for word in plant.named)


HALVES = {"clean": run_clean, "planted": run_planted}


def print_table(result: dict) -> None:
    """All figures, in 100 columns."""
    names = list(next(iter(result.values()))["tools"])
    row("", *names)
    if "clean" in result:
        clean, by_tool = result["clean"], [result["clean"]["tools"][name] for name in names]
        print(f"{clean['images']} clean images")
        row("  images refused", *(each["denied_images"] for each in by_tool))
        row("  findings that refuse", *(each["denied"] for each in by_tool))
        row("  images warned about", *(each["warned_images"] if at == 0 else "n/a" for at, each in enumerate(by_tool)))
        row("  warnings", *(each["warned"] if at == 0 else "n/a" for at, each in enumerate(by_tool)))
        costs(by_tool)
    if "planted" in result:
        planted, by_tool = result["planted"], [result["planted"]["tools"][name] for name in names]
        print(f"{planted['plants']} plants, found")
        for kind, words in KINDS:
            row(f"  {words}", *(share(each["recall"][kind]) for each in by_tool))
        costs(by_tool, "images with secrets")
    for half, words in (("clean", "false denials"), ("planted", "missed plants")):
        for at, line in enumerate(result.get(half, {}).get("wrong", [])):
            print(f"\n{words}:" if at == 0 else "", end="\n" if at == 0 else "")
            print(f"  {line}")


def share(recall: dict) -> str:
    """`43 of 45 (96 %)`, or that nobody was asked."""
    count, total = len(recall["found"]), len(recall["found"]) + len(recall["missed"])
    return f"{count} of {total} ({100 * count // total} %)" if total else "n/a"


def costs(by_tool: list[dict], which: str = "all images") -> None:
    """Seconds and memory."""
    row(f"  seconds, {which}", *(f"{each['seconds']:.1f}" for each in by_tool))
    row("  peak MiB, any image", *(f"{each['peak_mib']:.0f}" for each in by_tool))


def row(first: str, *others) -> None:
    """One line of the table."""
    print(f"{first:<34}" + "".join(f"{str(other):>21}" for other in others))


if __name__ == "__main__":
    sys.exit(main())
