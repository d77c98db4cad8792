"""Top-k by torch, for tools/check/gpu: matmul + topk, and the same in chunks of items whose scores stay in L2. A line of JSON a result.

Run by an interpreter with torch, beside tools/bench/cuda_top_k: same sizes, same kind of vectors, same machine, one after the other.
"""
import argparse
import json
import statistics
import time

import torch

QUERIES_AT_ONCE = 1024  # whole score matrices of more would fill the memory
TILE_BYTES = 32 << 20  # of scores, in the chunked form


class Whole:
    """Scores of all items are written, then read by topk."""

    name = "matmul + topk"

    def __init__(self, items, queries, k):
        self.items, self.queries, self.k = items.T, queries, k

    def search(self):
        return torch.cat([torch.topk(part @ self.items, self.k).indices for part in self.queries.split(QUERIES_AT_ONCE)])


class Chunked:
    """Scores of a chunk of items are written to one buffer that stays in L2; its best are kept, and the best of all chunks are merged."""

    name = "matmul + topk, scores in L2"

    def __init__(self, items, queries, k):
        self.queries, self.k = queries, k
        at_once = min(len(queries), QUERIES_AT_ONCE)
        n_chunk = max(k, TILE_BYTES // (items.element_size() * at_once))
        self.chunks = [(begin, chunk.T) for begin, chunk in zip(range(0, len(items), n_chunk), items.split(n_chunk))]
        self.buffer = torch.empty(at_once * min(n_chunk, len(items)), dtype=items.dtype, device=items.device)

    def search(self):
        return torch.cat([self.search_part(part) for part in self.queries.split(QUERIES_AT_ONCE)])

    def search_part(self, queries):
        scores, rows = [], []
        for begin, chunk in self.chunks:
            tile = self.buffer[:len(queries) * chunk.shape[1]].view(len(queries), chunk.shape[1])
            torch.matmul(queries, chunk, out=tile)
            best = torch.topk(tile, min(self.k, chunk.shape[1]))
            scores.append(best.values)
            rows.append(best.indices + begin)
        best = torch.topk(torch.cat(scores, 1), self.k).indices
        return torch.cat(rows, 1).gather(1, best)


def captured(search):
    """The search as one CUDA graph, so that its many launches cost nothing; the search itself where that cannot be."""
    try:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            search()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            search()
        graph.replay()
        torch.cuda.synchronize()
        return graph.replay, True
    except RuntimeError:
        torch.cuda.synchronize()
        return search, False


def milliseconds(work, device):
    if device == "cpu":
        begin = time.perf_counter()
        work()
        return (time.perf_counter() - begin) * 1e3
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    work()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end)


def timed(work, device, seconds):
    """The median of repeats, and how many."""
    first = milliseconds(work, device)
    if first > 3e3:
        return first, 1
    times, begin = [], time.monotonic()
    while len(times) < 5 or (time.monotonic() - begin < seconds and len(times) < 200):
        times.append(milliseconds(work, device))
    return statistics.median(times), len(times)


def recall(found, items, queries, k):
    """Against sums in float64 of the vectors as they were before rounding, of four queries."""
    exact = torch.topk(queries[:4].double() @ items.double().T, k).indices
    return sum(len(set(mine.tolist()) & set(best.tolist())) for mine, best in zip(found[:4], exact)) / exact.numel()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--dims", type=int, nargs="+", default=[128, 64, 256])
    parser.add_argument("--queries", type=int, nargs="+", default=[1, 64, 1024, 8192])
    parser.add_argument("--k", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--seconds", type=float, default=0.1)
    parser.add_argument("--seconds-in-all", type=float, default=1e9)
    arguments = parser.parse_args()
    end = time.monotonic() + arguments.seconds_in_all
    cuda = arguments.device != "cpu"
    torch.backends.cuda.matmul.allow_tf32 = True
    say = lambda **line: print(json.dumps(line), flush=True)
    if cuda:
        # The dense rate that cuBLAS reaches, by the fastest instructions there are; not only by mma.sync.
        square = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
        ms, _ = timed(lambda: square @ square, "cuda", 0.5)
        say(kind="floor", what="dense matmul", dtype="bfloat16", tflop_s=2 * 8192**3 / ms * 1e-9)
        big = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
        into = torch.empty_like(big)
        ms, _ = timed(lambda: into.copy_(big), "cuda", 0.3)
        say(kind="floor", what="copy by torch", gb_s=2 * big.numel() / ms * 1e-6)
        del square, big, into
    for dim in arguments.dims:
        torch.manual_seed(1)
        items = torch.randn(arguments.n, dim, device=arguments.device)
        queries = torch.randn(max(arguments.queries), dim, device=arguments.device)
        for dtype, label in ((torch.bfloat16, "bfloat16"), (torch.float32, "float32 with TF32")):
            rounded, asking = items.to(dtype), queries.to(dtype)
            for n_queries in arguments.queries:
                for k in arguments.k:
                    for kind in (Whole, Chunked):
                        line = dict(kind="peer", peer=f"torch {label} {kind.name}", n=arguments.n, dim=dim, queries=n_queries, k=k)
                        if time.monotonic() > end:
                            say(**line, skipped="no time left")
                            continue
                        try:
                            made = kind(rounded, asking[:n_queries], k)
                            share = recall(made.search(), items, queries[:n_queries], k)
                            work, graph = captured(made.search) if cuda and kind is Chunked else (made.search, False)
                            ms, repeats = timed(work, arguments.device, arguments.seconds)
                            say(**line, ms=ms, repeats=repeats, recall=share, graph=graph)
                        except RuntimeError as error:  # out of memory, for one
                            say(**line, skipped=str(error)[:200])
                        made = work = None


if __name__ == "__main__":
    main()
