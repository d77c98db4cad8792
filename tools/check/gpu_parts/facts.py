"""What the machine and the tree are."""
import hashlib
import json
import platform
import re
import shutil

from . import step

FIELDS = ("name", "driver_version", "compute_cap", "memory.total", "clocks.max.sm", "clocks.sm", "clocks.mem", "power.limit", "temperature.gpu",
          "mig.mode.current", "clocks_event_reasons.active")


def device():
    """What nvidia-smi says of the first device; None without one."""
    if not shutil.which("nvidia-smi"):
        return None
    status, lines, _, _ = step.run(["nvidia-smi", f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader"], 20)
    if status != 0 or not lines:
        return None
    return dict(zip(FIELDS, (part.strip() for part in lines[0].split(","))))


def toolkit(nvcc):
    if not nvcc:
        return None
    status, lines, _, _ = step.run([nvcc, "--version"], 20)
    release = re.search(r"release [\d.]+, V([\d.]+)", "\n".join(lines))
    return release.group(1) if status == 0 and release else None


def revision(root):
    """The commit where git knows it, and a hash of what the kernels are made of, which also a copy without git has."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in ("kernels", "tests/kernels", "tools/bench/cuda_top_k") for path in (root / folder).rglob("*") if path.is_file()):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    found = {"kernels_sha256": digest.hexdigest(), "commit": None, "modified": None}
    if shutil.which("git"):
        status, lines, _, _ = step.run(["git", "-C", root, "rev-parse", "HEAD"], 20)
        if status == 0:
            changed = step.run(["git", "-C", root, "status", "--porcelain", "--untracked-files=no"], 20)[1]
            found |= {"commit": lines[0], "modified": bool(changed)}
    return found


def gather(root, nvcc, python):
    torch = None
    if python:
        code = "import json, torch; print(json.dumps({'torch': torch.__version__, 'cuda': torch.version.cuda, 'device': torch.cuda.is_available()}))"
        status, lines, _, _ = step.run([python, "-c", code], 60)
        torch = json.loads(lines[-1]) if status == 0 and lines else None
    return {"machine": platform.platform(), "device": device(), "toolkit": toolkit(nvcc), "python": torch, "revision": revision(root)}
