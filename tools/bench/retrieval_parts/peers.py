"""The peers, each behind search(queries, k) -> rows. Those that approximate have settings, from fast to thorough."""
import gc
import time

import numpy


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


class Faiss:
    name = "faiss-cpu IndexFlatIP"

    def __init__(self, items, threads):
        import faiss

        faiss.omp_set_num_threads(threads)
        self.index = faiss.IndexFlatIP(items.shape[1])
        self.index.add(items)

    def search(self, queries, k):
        return self.index.search(queries, k)[1]


class Torch:
    name = "torch matmul + topk"

    def __init__(self, items, threads):
        import torch

        self.torch = torch
        torch.set_num_threads(threads)
        self.items = torch.from_numpy(items).T

    def search(self, queries, k):
        # As many queries at a time as keep the scores at a gigabyte.
        block = max(1, (1 << 28) // self.items.shape[1])
        parts = [self.torch.from_numpy(queries[i : i + block]) for i in range(0, len(queries), block)]
        return self.torch.cat([self.torch.topk(part @ self.items, k).indices for part in parts]).numpy()


class USearch:
    name = "usearch exact"

    def __init__(self, items, threads):
        self.items, self.threads = items, threads

    def search(self, queries, k):
        import usearch.index

        found = usearch.index.search(self.items, queries, k, usearch.index.MetricKind.IP, exact=True, threads=self.threads)
        return found.keys.reshape(len(queries), k)  # of one query it is a plain list


class FaissIvf:
    settings = [1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256, 512, 1024]
    n_lists = 4096

    def __init__(self, items, threads, eight_bit=False):
        import faiss

        self.name = "faiss IVF4096,SQ8" if eight_bit else "faiss IVF4096,Flat"
        faiss.omp_set_num_threads(threads)
        dim, metric = items.shape[1], faiss.METRIC_INNER_PRODUCT
        self.quantizer = faiss.IndexFlatIP(dim)
        if eight_bit:
            self.index = faiss.IndexIVFScalarQuantizer(self.quantizer, dim, self.n_lists, faiss.ScalarQuantizer.QT_8bit, metric)
        else:
            self.index = faiss.IndexIVFFlat(self.quantizer, dim, self.n_lists, metric)
        self.index.train(items[: 64 * self.n_lists])
        self.index.add(items)

    def search(self, queries, k, setting):
        self.index.nprobe = setting
        return self.index.search(queries, k)[1]


class FaissHnsw:
    name = "faiss HNSW32"
    settings = [16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024]

    def __init__(self, items, threads):
        import faiss

        faiss.omp_set_num_threads(threads)
        self.index = faiss.IndexHNSWFlat(items.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
        self.index.hnsw.efConstruction = 200
        self.index.add(items)

    def search(self, queries, k, setting):
        self.index.hnsw.efSearch = setting
        return self.index.search(queries, k)[1]


class Hnswlib:
    name = "hnswlib M=32"
    settings = FaissHnsw.settings

    def __init__(self, items, threads):
        import hnswlib

        self.threads = threads
        self.index = hnswlib.Index("ip", items.shape[1])
        self.index.init_index(len(items), M=32, ef_construction=200)
        self.index.add_items(items, num_threads=threads)

    def search(self, queries, k, setting):
        self.index.set_ef(setting)
        return self.index.knn_query(queries, k, num_threads=self.threads)[0].astype(numpy.int64)


class USearchGraph:
    settings = FaissHnsw.settings

    def __init__(self, items, threads, dtype="f32"):
        import usearch.index

        self.name, self.threads = f"usearch {dtype} M=32", threads
        # Its int8 form takes elements in [-1, 1]; a common factor changes no order.
        self.scale = 1 / float(numpy.abs(items).max()) if dtype == "i8" else None
        items = items if self.scale is None else items * self.scale
        self.index = usearch.index.Index(ndim=items.shape[1], metric="ip", dtype=dtype, connectivity=32, expansion_add=200)
        self.index.add(numpy.arange(len(items)), items, threads=threads)

    def search(self, queries, k, setting):
        self.index.expansion_search = setting
        if self.scale is not None:
            queries = queries / numpy.abs(queries).max(axis=1, keepdims=True)
        return self.index.search(queries, k, threads=self.threads).keys.reshape(len(queries), k).astype(numpy.int64)


APPROXIMATE = {
    "faiss_ivf": FaissIvf,
    "faiss_ivf_sq8": lambda items, threads: FaissIvf(items, threads, eight_bit=True),
    "faiss_hnsw": FaissHnsw,
    "hnswlib": Hnswlib,
    "usearch": USearchGraph,
    "usearch_i8": lambda items, threads: USearchGraph(items, threads, "i8"),
}
# Without usearch_i8: its int8 form loses the lengths of vectors, and finds 2 of 100 neighbours by inner product.
DEFAULT = [name for name in APPROXIMATE if name != "usearch_i8"]
EXACT = {"faiss": Faiss, "torch": Torch, "usearch": USearch}


def build(make, items, threads):
    """A peer, the seconds it took to build, and the megabytes it holds beside the vectors given to it."""
    gc.collect()
    before, begin = resident_bytes(), time.perf_counter()
    peer = make(items, threads)
    return peer, time.perf_counter() - begin, (resident_bytes() - before) / 1e6
