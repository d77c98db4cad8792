#!/usr/bin/env python3
"""Fails when a folder includes what its CMake links do not name.

usage: layers.py [ROOT]

Two rules, read from the calls segue_add_library(folder ... USES ... TORCH) and segue_add_tests(...):
  1. a folder includes headers of its own, of the folders in USES, and of what those use in turn;
  2. only folders marked TORCH include LibTorch (ATen/, torch/, c10/).
A test may besides include the headers of the folder that it tests.
"""
import pathlib
import re
import sys

SOURCES = {".h", ".cc", ".cu", ".cuh"}
LIBTORCH = ("ATen/", "torch/", "c10/", "caffe2/")
KEYWORDS = {"SOURCES", "USES", "LIBRARIES", "LABELS", "TORCH"}


def calls(text, function):
    """[(first argument, {keyword: [words]})] of every call of a CMake function."""
    text = re.sub(r"#.*", "", text)
    for body in re.findall(rf"\b{function}\s*\(([^)]*)\)", text):
        words = body.split()
        arguments, keyword = {}, None
        for word in words[1:]:
            if word in KEYWORDS:
                keyword = word
                arguments.setdefault(keyword, [])
            elif keyword:
                arguments[keyword].append(word)
        yield words[0], arguments


def reachable(folder, uses):
    seen, stack = set(), [folder]
    while stack:
        current = stack.pop()
        if current not in seen:
            seen.add(current)
            stack.extend(uses.get(current, []))
    return seen


def includes(path):
    """[(line number, header)] of the #include directives of a file."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+["<]([^">]+)[">]', line)
        if match:
            yield number, match.group(1)


def folder_of(header, folders):
    """The folder of the house that a header belongs to; None for anything else."""
    parts = header.split("/")
    if parts[0] in ("src",) and len(parts) > 2:
        parts = parts[1:]
    return parts[0] if len(parts) > 1 and parts[0] in folders else None


def violations(root):
    root = pathlib.Path(root)
    homes = {path.name: path for path in sorted((root / "src").iterdir()) if path.is_dir()}
    if (root / "kernels").is_dir():
        homes["kernels"] = root / "kernels"
    uses, torch = {}, set()
    for path in [*sorted(root.glob("src/**/CMakeLists.txt")), *sorted(root.glob("kernels/**/CMakeLists.txt"))]:
        for folder, arguments in calls(path.read_text(), "segue_add_library"):
            uses.setdefault(folder, []).extend(arguments.get("USES", []))
            # cuda_plugin/ marks no library of the house: its plugin is linked with LibTorch by itself.
            if "TORCH" in arguments or (folder == "cuda_plugin" and "segue::torch" in path.read_text()):
                torch.add(folder)
    for folder, home in homes.items():
        if (home / "CMakeLists.txt").exists() and folder not in uses:
            uses[folder] = []

    def check(directory, where, may_use, may_torch):
        for path in sorted(directory.rglob("*")):
            if path.suffix not in SOURCES:
                continue
            for number, header in includes(path):
                used = folder_of(header, homes)
                place = f"{path.relative_to(root)}:{number}"
                if used is not None and used not in may_use:
                    yield f"{place}: {where} may not use {used}/ ({header}): its USES name {', '.join(sorted(may_use - {where.rstrip('/')})) or 'nothing'}"
                if not may_torch and header.startswith(LIBTORCH):
                    yield f"{place}: {where} may not use LibTorch ({header}): it is not marked TORCH"

    for folder, home in homes.items():
        if folder in uses:
            yield from check(home, f"{folder}/", reachable(folder, uses), folder in torch)
    for path in sorted(root.glob("tests/**/CMakeLists.txt")):
        may_use, may_torch = set(), False
        for folder, arguments in calls(path.read_text(), "segue_add_tests"):
            for used in [folder.split("/")[0], *arguments.get("USES", [])]:
                may_use |= reachable(used, uses)
            may_torch = may_torch or "TORCH" in arguments
        if may_use:
            name = path.parent.relative_to(root).as_posix()
            yield from check(path.parent, f"{name}/", may_use, may_torch)


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    found = list(violations(root))
    print("\n".join(found) or "layers: every include is covered by a CMake link")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
