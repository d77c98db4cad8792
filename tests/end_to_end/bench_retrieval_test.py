"""`segue bench retrieval` on vectors of the user's own: what it finds, by whole numbers that have one right answer, and wrong files."""
import array
import json
import pathlib
import random
import tempfile
import unittest

from program import good, segue, tensors

N_ITEMS, N_QUERIES, DIM, K = 600, 11, 6, 5


def write_vectors(path, **matrices):
    """A safetensors file of float32 tensors: name=(shape, values)."""
    header, body = {}, b""
    for name, (shape, values) in matrices.items():
        data = array.array("f", values).tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


class BenchRetrievalTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.work = pathlib.Path(self.directory.name)
        draw = random.Random(5)
        numbers = lambda n: [draw.randrange(-20, 21) for _ in range(n)]
        self.items, self.queries, self.bias = numbers(N_ITEMS * DIM), numbers(N_QUERIES * DIM), numbers(N_ITEMS)

    def test_lists_are_those_of_plain_python(self):
        write_vectors(self.work / "vectors", items=([N_ITEMS, DIM], self.items), queries=([N_QUERIES, DIM], self.queries),
                      bias=([N_ITEMS], self.bias))
        good("bench", "retrieval", "--vectors", self.work / "vectors", "--lists", self.work / "lists", "--k", K, "--seconds", 0.01)
        found = tensors(self.work / "lists")
        rows, scores = array.array("i", found["rows"][2]), array.array("f", found["scores"][2])
        for query in range(N_QUERIES):
            vector = self.queries[query * DIM : (query + 1) * DIM]
            score = lambda item: self.bias[item] + sum(a * b for a, b in zip(vector, self.items[item * DIM : (item + 1) * DIM]))
            expected = sorted(range(N_ITEMS), key=lambda item: (-score(item), item))[:K]
            self.assertEqual(list(rows[query * K : (query + 1) * K]), expected)
            self.assertEqual(list(scores[query * K : (query + 1) * K]), [score(item) for item in expected])

    def test_a_file_that_does_not_fit_is_named(self):
        path = self.work / "vectors"
        for matrices, word in (({"items": ([N_ITEMS, DIM], self.items)}, "queries"),
                               ({"items": ([N_ITEMS, DIM], self.items), "queries": ([DIM, N_QUERIES], self.queries)}, "queries"),
                               ({"items": ([0, DIM], []), "queries": ([N_QUERIES, DIM], self.queries)}, "no items"),
                               ({"items": ([1, 16385], [1] * 16385), "queries": ([1, 16385], [1] * 16385)}, "16,384")):
            write_vectors(path, **matrices)
            result = segue("bench", "retrieval", "--vectors", path, "--seconds", 0.01)
            self.assertEqual(result.code, 4, result)
            self.assertIn(str(path), result.err)
            self.assertIn(word, result.err)


if __name__ == "__main__":
    unittest.main()
