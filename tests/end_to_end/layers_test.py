"""tools/check/layers.py: the house itself passes, and a planted violation of each rule is found."""
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "check"))
import layers  # noqa: E402

HOUSE = {
    "kernels/CMakeLists.txt": "segue_add_library(kernels SOURCES top_k.cc)",
    "kernels/top_k.cc": '#include "kernels/top_k.h"\n',
    "src/support/CMakeLists.txt": "segue_add_library(support SOURCES ids.cc)",
    "src/support/ids.cc": '#include "support/ids.h"\n#include <vector>\n',
    "src/config/CMakeLists.txt": "segue_add_library(config SOURCES section.cc USES support LIBRARIES yaml-cpp)",
    "src/config/section.cc": '#include "config/section.h"\n#include "support/ids.h"\n',
    "src/dataset/CMakeLists.txt": "segue_add_library(dataset\n  SOURCES dataset.cc  # mapped\n  USES config)",
    "src/dataset/dataset.cc": '#include "dataset/dataset.h"\n#include "support/ids.h"\n',
    "src/models/CMakeLists.txt": "segue_add_library(models SOURCES gru.cc USES config TORCH)",
    "src/models/gru.cc": "#include <ATen/ATen.h>\n",
    "tests/dataset/CMakeLists.txt": "segue_add_tests(dataset SOURCES dataset_test.cc USES dataset)",
    "tests/dataset/dataset_test.cc": '#include "dataset/dataset.h"\n#include <gtest/gtest.h>\n',
}


def found_in(**changes):
    """Violations of the small house above, with files added or replaced ('/' and '.' written as '__' and '_dot_')."""
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        for name, text in {**HOUSE, **{key.replace("__", "/").replace("_dot_", "."): value for key, value in changes.items()}}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return list(layers.violations(root))


class LayersTest(unittest.TestCase):
    def test_this_tree_is_clean(self):
        self.assertEqual(list(layers.violations(ROOT)), [])

    def test_a_clean_house_passes_with_transitive_uses(self):
        self.assertEqual(found_in(), [])

    def test_an_include_that_uses_do_not_name_is_found_with_file_and_line(self):
        found = found_in(src__support__ids_dot_cc='#include "support/ids.h"\n\n#include "config/section.h"\n')
        self.assertEqual(len(found), 1)
        self.assertIn("src/support/ids.cc:3", found[0])
        self.assertIn("support/ may not use config/", found[0])

    def test_libtorch_in_an_unmarked_folder_is_found(self):
        found = found_in(src__dataset__dataset_dot_cc="#include <torch/torch.h>\n")
        self.assertEqual(len(found), 1)
        self.assertIn("not marked TORCH", found[0])

    def test_only_the_plugin_may_link_libtorch_beside_its_mark(self):
        for room, n_found in (("cuda_plugin", 0), ("dataset", 1)):
            files = {f"src__{room}__CMakeLists_dot_txt": f"segue_add_library({room} SOURCES a.cc USES config)\ntarget_link_libraries(x segue::torch)",
                     f"src__{room}__plugin_dot_cc": "#include <ATen/ATen.h>\n"}
            self.assertEqual(len(found_in(**files)), n_found, room)

    def test_kernels_know_nothing_of_src(self):
        found = found_in(kernels__top_k_dot_cc='#include "support/ids.h"\n')
        self.assertEqual(len(found), 1)
        self.assertIn("kernels/ may not use support/", found[0])

    def test_a_long_way_round_by_src_is_found(self):
        self.assertEqual(len(found_in(src__support__ids_dot_cc='#include "src/config/section.h"\n')), 1)

    def test_a_test_is_held_to_its_own_uses(self):
        found = found_in(tests__dataset__dataset_test_dot_cc='#include "models/gru.h"\n')
        self.assertEqual(len(found), 1)
        self.assertIn("tests/dataset/", found[0])


if __name__ == "__main__":
    unittest.main()
