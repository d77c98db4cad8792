#!/usr/bin/env python3
"""Fails on paths of one machine and on file names that say nothing.

usage: words.py [ROOT]
"""
import pathlib
import re
import shutil
import subprocess
import sys

# Absolute paths of a developer's machine; system paths such as /usr/include and /dev are fine, and so is a bare /tmp.
MACHINE_PATH = re.compile(r"(?:^|[^\w/.$}])(/(?:work|root|home|farm|mnt|Users|opt)/[\w.-]+)")
VAGUE_NAME = re.compile(r"(?:^|/)(?:utils?|common|misc|helpers?|stuff|manager)(?:/|\.|$)|_(?:v\d|new|old|final|tmp|copy)\.", re.I)
MAX_LINES = 500
LOOSE_END = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
OWN = "tools/check/words.py"


def tracked_files(root):
    """Files that git knows or would add; in a tree without git, all outside build outputs."""
    listing = None
    if shutil.which("git"):
        listing = subprocess.run(["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard"],
                                 capture_output=True, text=True, check=False)
    if listing and listing.returncode == 0 and listing.stdout:
        return [name for name in listing.stdout.splitlines() if (root / name).is_file()]
    skipped = {"build", "runs", ".git", "__pycache__"}
    return [path.relative_to(root).as_posix() for path in sorted(root.rglob("*"))
            if path.is_file() and not any(part in skipped or part.startswith(".venv") for part in path.relative_to(root).parts)]


def violations(root):
    for name in tracked_files(root):
        if VAGUE_NAME.search(name):
            yield f"{name}: the name says nothing about what is inside"
        try:
            text = (root / name).read_text()
        except UnicodeDecodeError:
            continue
        lines = text.splitlines()
        if name.endswith((".h", ".cc", ".cu", ".cuh", ".py", ".cmake")) and len(lines) > MAX_LINES:
            yield f"{name}: {len(lines)} lines; more than {MAX_LINES} hold more than one noun"
        if name == OWN:
            continue
        for number, line in enumerate(lines, 1):
            match = MACHINE_PATH.search(line)
            if match:
                yield f"{name}:{number}: a path of one machine: {match.group(1)}"
            if LOOSE_END.search(line):
                yield f"{name}:{number}: a loose end: {line.strip()[:80]}"


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    found = list(violations(root.resolve()))
    print("\n".join(found) or "words: no machine paths, loose ends or vague names")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
