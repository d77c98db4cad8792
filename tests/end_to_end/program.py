"""The program as its users meet it, and a tiny trip world for it to work on."""
import json
import os
import pathlib
import re
import struct
import subprocess

SOURCE = pathlib.Path(os.environ.get("SEGUE_SOURCE_DIR") or pathlib.Path(__file__).resolve().parents[2])
BUILD = pathlib.Path(os.environ.get("SEGUE_BUILD_DIR") or SOURCE / "build" / "release")
PROGRAM = pathlib.Path(os.environ.get("SEGUE_PROGRAM") or BUILD / "segue")

CONFIG = """\
seed: 3
device: cpu
threads: 1
data:
  prepared: {work}/prepared
  events: {work}/data/train.csv
  validation_events: {work}/data/validation.csv
  test_events: {work}/data/test.csv
  columns: {{sequence: utrip_id, item: city_id, time: checkin}}
  features:
    - {{name: month, kind: month, column: checkin, context: true}}
    - {{name: booker_country, kind: category, context: true}}
    - {{name: device_class, kind: category, context: true}}
  split: {{kind: files}}
model:
  kind: gru_session
  embedding_dim: 16
  hidden_dim: 24
  visited_weights: true
training:
  epochs: {epochs}
  batch_sequences: 64
  learning_rate: 0.01
  warmup_steps: 10
  metric: hit_rate@4
evaluation:
  metrics: [hit_rate@4, mrr@10, coverage@4]
  bayes: {work}/data/bayes_serving.parquet
  bootstrap_samples: 100
output:
  run: {work}/run
"""


class Result:
    """What one run of the program left: exit code, the two streams, and the JSON it printed if it was asked to."""

    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err

    @property
    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f"$ segue {' '.join(map(str, self.command))}\nexit code {self.code}\n--- stdout\n{self.out[-3000:]}\n--- stderr\n{self.err[-3000:]}"


def environment(**changes):
    variables = {key: value for key, value in os.environ.items() if not key.startswith("SEGUE_")}
    variables.update(OMP_NUM_THREADS="1", **changes)
    return variables


def segue(*arguments, cwd=None, program=PROGRAM, timeout=300, **changes):
    """Runs the program to its end, whatever that is."""
    done = subprocess.run([program, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=timeout,
                          env=environment(**changes), check=False)
    return Result(arguments, done.returncode, done.stdout, done.stderr)


def good(*arguments, **options):
    """As segue(), for a run that has to succeed."""
    result = segue(*arguments, **options)
    if result.code != 0:
        raise AssertionError(str(result))
    return result


def write_config(work, epochs=2, name="config.yaml", edit=lambda text: text):
    path = pathlib.Path(work) / name
    path.write_text(edit(CONFIG.format(work=work, epochs=epochs)))
    return path


def make_world(work, trips=2000, tests=400):
    good("generate", "trips", "--out", pathlib.Path(work) / "data", "--trips", trips, "--validation-trips", 200, "--test-trips", tests,
         "--seed", 5)


def tensors(path):
    """{name: (dtype, shape, bytes)} of a safetensors file, read by its published layout alone."""
    content = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8:8 + length])
    header.pop("__metadata__", None)
    body = content[8 + length:]
    return {name: (entry["dtype"], tuple(entry["shape"]), body[slice(*entry["data_offsets"])]) for name, entry in header.items()}


def files_below(directory):
    """{relative path: bytes} of every file."""
    directory = pathlib.Path(directory)
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


def code_blocks(markdown, language):
    """The fenced blocks of one language, in order, with the heading each stands under: [(heading, text)]."""
    heading, blocks, current = "", [], None
    for line in markdown.splitlines():
        fence = re.match(r"```(\w*)\s*$", line)
        if current is not None and line.strip() == "```":
            if current[0] == language:
                blocks.append((heading, "\n".join(current[1]) + "\n"))
            current = None
        elif current is not None:
            current[1].append(line)
        elif fence:
            current = (fence.group(1), [])
        elif line.startswith("#"):
            heading = line.lstrip("#").strip()
    return blocks
