"""Run by an interpreter with torch and without Segue: scores histories by model.pt.  usage: load_scripted_model.py MODEL CASES OUT

CASES is a JSON list of {"items": [..], "history": [[codes of an event], ..], "context": [..]}; OUT gets for each history its best rows
and scores by recommend() in one padded batch, and the session vectors of forward() and of step() over the same events."""
import json
import sys

import torch

model_path, cases_path, out_path = sys.argv[1:]
assert "segue" not in sys.modules
with open(cases_path) as file:
    cases = json.load(file)
extra = {"items.txt": "", "README": ""}
model = torch.jit.load(model_path, _extra_files=extra)
model.eval()
torch.set_num_threads(1)

longest = max(len(case["items"]) for case in cases)
lengths = torch.tensor([len(case["items"]) for case in cases])
items = torch.zeros(len(cases), longest, dtype=torch.int64)
columns = {part: [torch.zeros_like(items) for _ in cases[0][part][0]] for part in ("history", "context")}
for b, case in enumerate(cases):
    items[b, :len(case["items"])] = torch.tensor(case["items"])
    for part, tensors in columns.items():
        for t, codes in enumerate(case[part]):
            for f, code in enumerate(codes):
                tensors[f][b, t] = code
history = torch.jit.annotate(list[torch.Tensor], columns["history"])
context = torch.jit.annotate(list[torch.Tensor], columns["context"])

with torch.no_grad():
    vectors = model.forward(items, lengths, history, context)
    scores, rows = model.recommend(items, lengths, history, context, 10, False)
    hidden_scores, hidden_rows = model.recommend(items, lengths, history, context, 10, True)
    stepped = []
    for b, case in enumerate(cases):
        state = model.initial_state(1)
        for t in range(len(case["items"])):
            state, vector = model.step(state, items[b, t:t + 1], [tensor[b, t:t + 1] for tensor in history],
                                       [tensor[b, t:t + 1] for tensor in context])
        stepped.append(vector[0].tolist())
ids = [json.loads(line) for line in extra["items.txt"].decode().splitlines()]
with open(out_path, "w") as file:
    json.dump({"ids": ids, "vectors": vectors.tolist(), "stepped": stepped, "scores": scores.tolist(), "rows": rows.tolist(),
               "hidden_rows": hidden_rows.tolist(), "readme": extra["README"].decode()}, file)
