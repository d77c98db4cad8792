#!/usr/bin/env python3
"""Training speed and memory on a large catalogue: the two-tower model with sampled negatives, beside the same model as a plain loop over
LibTorch's own operators with its dense Adam, one after the other on the same events.

    tools/bench/training/catalogue.py --python VENV/bin/python [--items 1000000] [--updates 100] [--json FILE]

VENV holds torch (the same build runs inside Segue). The events are synthetic and say nothing about quality: items by a power law in
sequences of fixed length. Both sides do the same work a target: mean of the history, one linear layer, unit vectors, softmax over the target and
the same number of corrected negatives, all float32, with the same number of threads. Memory is the peak of each process."""
import argparse
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LENGTH = 21

CONFIG = """\
seed: 1
data:
  prepared: {work}/prepared
  events: {work}/events.csv
  columns: {{sequence: user, item: item, time: time}}
  split: {{kind: last_sequences, validation_fraction: 0, test_fraction: 0.01}}
model: {{kind: two_tower, embedding_dim: 64, vector_dim: 64, history: mean, temperature: 0.1}}
training:
  epochs: 1
  max_steps: {updates}
  batch_sequences: {batch}
  loss: sampled_softmax
  n_negatives: {negatives}
  max_gradient_norm: 0
  evaluate_every: 0
  checkpoint_minutes: 0
"""

PLAIN = r"""
import json, math, sys, time
import torch
path, n_items, batch, negatives, updates, threads = sys.argv[1], *map(int, sys.argv[2:7])
torch.set_num_threads(threads); torch.manual_seed(1)
items = torch.frombuffer(bytearray(open(path, 'rb').read()), dtype=torch.int32).long().reshape(-1, LENGTH)
counts = torch.bincount(items.flatten(), minlength=n_items).double()
q = counts.pow(.75); q /= q.sum()
cumulative = q.cumsum(0)
table = torch.nn.Embedding(n_items, 64); torch.nn.init.normal_(table.weight, std=.1)
layer = torch.nn.Linear(64, 64)
optimizer = torch.optim.Adam([*table.parameters(), *layer.parameters()], lr=1e-3)
steps = torch.arange(1, LENGTH).reshape(1, -1, 1)
warm_up = 5
for update in range(updates + warm_up):
    if update == warm_up: start = time.perf_counter()
    rows = items[(update * batch) % (len(items) - batch):][:batch]
    x = table(rows[:, :-1]).cumsum(1) / steps
    v = torch.nn.functional.normalize(layer(x).reshape(-1, 64), dim=1) / .1
    target = rows[:, 1:].flatten()
    drawn = torch.searchsorted(cumulative, torch.rand(negatives, dtype=torch.double)).clamp_(max=n_items - 1)
    o = torch.nn.functional.normalize(table(torch.cat([target, drawn])), dim=1)
    positive = (v * o[:len(target)]).sum(1, keepdim=True)
    scores = v @ o[len(target):].t() - torch.log(negatives * q[drawn]).float()
    scores = scores.masked_fill(drawn.unsqueeze(0) == target.unsqueeze(1), -1e30)
    loss = torch.nn.functional.cross_entropy(torch.cat([positive, scores], 1), torch.zeros(len(target), dtype=torch.long))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
seconds = time.perf_counter() - start
print('RESULT ' + json.dumps({'targets_per_s': updates * batch * (LENGTH - 1) / seconds, 'loss': loss.item(), 'torch': torch.__version__}))
""".replace("LENGTH", str(LENGTH))


def write_events(work, n_items, n_sequences):
    draw = random.Random(1)
    order = list(range(n_items))
    draw.shuffle(order)
    rows = bytearray()
    with open(work / "events.csv", "w") as file:
        file.write("user,item,time\n")
        for user in range(n_sequences):
            for i in range(LENGTH):
                # Every item comes at least once, so that the whole catalogue is known; the rest follow a power law.
                n = user * LENGTH + i
                item = order[n] if n < n_items else order[int(n_items * draw.random() ** 3)]
                file.write(f"{user},i{item},{n}\n")
                rows += item.to_bytes(4, "little")
    (work / "items.bin").write_bytes(rows)


def measured(command, **kwargs):
    """Output and peak memory in bytes of one process, run to its end."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **kwargs)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command[0]} failed\n{out}")
    return out, usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=128, help="sequences an update, 20 targets each")
    parser.add_argument("--negatives", type=int, default=2048)
    parser.add_argument("--updates", type=int, default=100)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--json")
    o = parser.parse_args()
    segue = ROOT / "build/release/segue"
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        n_sequences = max(o.items // LENGTH + 1, (o.updates + 10) * o.batch) * 11 // 10
        print(f"writing {n_sequences * LENGTH:,} events over {o.items:,} items", file=sys.stderr)
        write_events(work, o.items, n_sequences)
        config = work / "config.yaml"
        config.write_text(CONFIG.format(work=work, updates=o.updates, batch=o.batch, negatives=o.negatives))
        subprocess.run([segue, "prepare", config], check=True, stdout=subprocess.DEVNULL)
        out, memory = measured([str(segue), "train", str(config), "--run", str(work / "run"), "--json", f"threads={o.threads}"])
        trained = json.loads(out)
        plain, plain_memory = measured([o.python, "-c", PLAIN, str(work / "items.bin"), str(o.items), str(o.batch), str(o.negatives), str(o.updates),
                                        str(o.threads)])
    peer = json.loads(re.search(r"RESULT (.*)", plain).group(1))
    case = {"model": "two_tower", "dataset": "synthetic", "n_items": o.items, "batch_sequences": o.batch, "n_negatives": o.negatives,
            "updates": o.updates}
    rows = [{**case, "measure": "training", "peer": "plain LibTorch loop, dense Adam", "segue": trained["events_per_s"], "peer_value": peer["targets_per_s"],
             "unit": "targets/s", "ratio": trained["events_per_s"] / peer["targets_per_s"], "equal": None},
            {**case, "measure": "peak memory", "peer": "plain LibTorch loop, dense Adam", "segue": memory / 1e9, "peer_value": plain_memory / 1e9, "unit": "GB",
             "ratio": plain_memory / memory, "equal": None}]
    for row in rows:
        print(f"{row['measure']:12}  segue {row['segue']:,.2f} {row['unit']}, plain loop {row['peer_value']:,.2f}, ratio {row['ratio']:.2f}")
    print(f"loss at the end: segue {trained['last_loss']:.4f} (mean of the run), plain loop {peer['loss']:.4f} (last update)")
    if o.json:
        commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
        environment = {"machine": platform.processor() or platform.machine(), "threads": o.threads, "versions": {"torch": peer["torch"]}, "commit": commit}
        Path(o.json).write_text(json.dumps({"environment": environment, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
