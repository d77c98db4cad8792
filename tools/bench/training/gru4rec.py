#!/usr/bin/env python3
"""Training speed beside GRU4Rec's official PyTorch code, at its own best Diginetica configuration.

The official code is not part of this project (research use; read its licence): clone it yourself and name the folder.

    git clone https://github.com/hidasib/GRU4Rec_PyTorch_Official
    tools/bench/training/gru4rec.py --gru4rec GRU4Rec_PyTorch_Official --python VENV/bin/python --data DIR

VENV holds torch, pandas, joblib and numpy; DIR holds diginetica-gru4rec/{train_full,test}.tsv.gz (SessionId, ItemId, Time). Both sides run a limited
number of updates on the same file, with the same number of threads, one after the other. What an update and an epoch consist of is
printed for both: a rate in events/s means little without it.
"""
import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CONFIG = ROOT / "configs/diginetica_gru4rec.yaml"
WARM_UP = 20

# Runs in the other Python. It drives the official classes as they are and only counts and times what their own iterator yields.
OFFICIAL = r"""
import importlib.util, json, sys, time
import pandas as pd, torch
folder, params, data, threads, updates, warm_up = sys.argv[1], sys.argv[2], sys.argv[3], *map(int, sys.argv[4:7])
torch.set_num_threads(threads)
sys.path.insert(0, folder)
import gru4rec_pytorch as official
spec = importlib.util.spec_from_file_location('params', params)
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
table = pd.read_csv(data, sep='\t')
seen = {'updates': 0, 'targets': 0}
whole = official.SessionDataIterator.__call__
def limited(self, *args, **kwargs):
    for x, y in whole(self, *args, **kwargs):
        if seen['updates'] == warm_up: seen.update(start=time.perf_counter(), counted_from=seen['targets'])
        if seen['updates'] == warm_up + updates: break
        yield x, y
        seen['updates'] += 1; seen['targets'] += len(x)
    seen['seconds'] = time.perf_counter() - seen['start']
official.SessionDataIterator.__call__ = limited
model = official.GRU4Rec(device=torch.device('cpu'))
model.set_params(**module.gru4rec_params)
model.n_epochs = 1
# Its compatibility mode draws starting weights in a way that NumPy 2 turns into doubles; the other way starts as well.
model.fit(table, compatibility_mode=False, sample_cache_max_size=2048 * (warm_up + updates + 1), item_key='ItemId', session_key='SessionId', time_key='Time')
sessions = table.SessionId.nunique()
print('RESULT ' + json.dumps({'seconds': seen['seconds'], 'targets': seen['targets'] - seen['counted_from'], 'updates': updates,
    'epoch_targets': len(table) - sessions, 'n_items': int(table.ItemId.nunique()), 'layer': module.gru4rec_params['layers'][0],
    'batch': module.gru4rec_params['batch_size'], 'n_sample': module.gru4rec_params['n_sample'], 'loss': module.gru4rec_params['loss'],
    'torch': torch.__version__}))
"""


def flop_per_target(width: int, columns: float) -> float:
    """Multiply-adds twice, forward and backward (three times the forward): GRU of equal input and hidden width, and scores."""
    return 3 * 2 * (6 * width * width + columns * width)


def run_official(args, updates: int) -> dict:
    params = args.gru4rec / "paramfiles/diginetica_bprmax_shared_best.py"
    command = [args.python, "-c", OFFICIAL, str(args.gru4rec), str(params), str(args.data / "diginetica-gru4rec/train_full.tsv.gz"),
               str(args.threads), str(updates), str(WARM_UP)]
    environment = dict(os.environ, OMP_NUM_THREADS=str(args.threads), MKL_NUM_THREADS=str(args.threads))
    done = subprocess.run(command, text=True, capture_output=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"the official code failed:\n{done.stderr}")
    return json.loads(re.search(r"^RESULT (.*)$", done.stdout, re.M)[1])


def run_segue(args, updates: int, precision: str) -> dict:
    environment = dict(os.environ, SEGUE_DATA=str(args.data), OMP_NUM_THREADS=str(args.threads))
    with tempfile.TemporaryDirectory() as folder:
        command = [str(args.segue), "train", str(CONFIG), "--json", "--quiet", "--run", f"{folder}/run", f"data.prepared={args.prepared}",
                   f"threads={args.threads}", "device=cpu", f"training.max_steps={updates + WARM_UP}", "training.evaluate_every=0",
                   f"training.precision={precision}"]
        done = subprocess.run(command, text=True, capture_output=True, env=environment)
        if done.returncode != 0:
            sys.exit(done.stderr)
        result = json.loads(done.stdout)
    return result


def describe(name: str, rate: float, targets: float, updates: float, negatives: float, flop: float) -> None:
    print(f"{name:24} {rate:10,.0f} events/s   an epoch: {targets:,.0f} targets, {updates:,.0f} updates, {negatives:,.0f} negatives a target, "
          f"{flop * targets / 1e12:.2f} TFLOP ({flop * rate / 1e9:.0f} GFLOP/s)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gru4rec", type=Path, required=True, help="checkout of the official PyTorch code")
    parser.add_argument("--python", default=sys.executable, help="a Python with torch, pandas, joblib, numpy")
    parser.add_argument("--data", type=Path, default=os.environ.get("SEGUE_DATA"), help="folder with diginetica-gru4rec/; default: SEGUE_DATA")
    parser.add_argument("--segue", type=Path, default=ROOT / "build/release/segue")
    parser.add_argument("--prepared", default="runs/data/diginetica_gru4rec", help="where Segue's prepared dataset lies or goes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--updates", type=int, default=300, help="timed on each side, after a warm-up")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each side, in turn; the best counts")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"], help="of Segue; the official code computes in float32")
    parser.add_argument("--json", type=Path, help="write the result here")
    args = parser.parse_args()
    if args.data is None:
        parser.error("--data or SEGUE_DATA must name the folder of the data")
    args.data = Path(args.data)

    official = segue = None
    official_rate = segue_rate = 0.0
    for _ in range(args.rounds):
        result = run_official(args, args.updates)
        if result["targets"] / result["seconds"] > official_rate:
            official, official_rate = result, result["targets"] / result["seconds"]
        result = run_segue(args, args.updates, args.precision)
        if result["events_per_s"] > segue_rate:
            segue, segue_rate = result, result["events_per_s"]

    batch, n_sample, width = official["batch"], official["n_sample"], official["layer"]
    print(f"loss {official['loss']}, {width} units, {args.threads} threads, Segue in {args.precision}")
    describe("GRU4Rec official", official_rate, official["epoch_targets"], official["epoch_targets"] / batch, n_sample + batch - 1,
             flop_per_target(width, n_sample + batch))
    describe("Segue", segue_rate, segue["epoch_targets"], segue["epoch_updates"], segue["negatives_per_target"], segue["flop_per_target"])
    ratio = segue_rate / official_rate
    print(f"ratio {ratio:.2f}")
    if args.json:
        commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], text=True, capture_output=True).stdout.strip()
        # equal: same loss, width, negatives and, within 5 %, updates an epoch; the weights differ, as the two draw differently.
        equal = abs(segue["epoch_updates"] / (official["epoch_targets"] / batch) - 1) < 0.05
        args.json.write_text(json.dumps({
            "environment": {"machine": platform.platform(), "threads": args.threads, "versions": {"torch": official["torch"]}, "commit": commit},
            "rows": [{"model": "gru_session", "dataset": "diginetica-gru4rec", "precision": args.precision, "peer": "GRU4Rec official PyTorch",
                      "segue": segue_rate, "peer_value": official_rate, "unit": "events/s", "ratio": ratio, "equal": equal,
                      "targets": [segue["epoch_targets"], official["epoch_targets"]],
                      "updates": [segue["epoch_updates"], official["epoch_targets"] / batch]}]}, indent=2) + "\n")


if __name__ == "__main__":
    main()
