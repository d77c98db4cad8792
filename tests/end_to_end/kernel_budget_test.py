"""The reader of machine code behind tools/bench/kernel_budget, on a small kernel counted by hand, and its formulas."""
import os
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(os.environ.get("SEGUE_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(ROOT / "tools" / "bench"))
from kernel_budget_parts import budget, compiled, machines, sass, traffic

# A loop over tiles (.L_x_1) around one over slices (.L_x_2). Slices: hits are moved (cold), sums are cleared for the first one. Behind them
# one comparison, and where it hits a counter in shared memory.
CODE = """
	.section	.text.scan,"ax",@progbits
scan:
        /*0000*/                   S2R R0, SR_TID.X ;
.L_x_1:
        /*0010*/                   MOV R1, RZ ;
.L_x_2:
        /*0020*/                   BAR.RED.OR.DEFER_BLOCKING 0x0, P0 ;
        /*0030*/              @!P0 BRA `(.L_x_3) ;
        /*0040*/                   LDS R2, [R3] ;
        /*0050*/                   ATOMG.E.ADD R2, [R3] ;
        /*0060*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;
.L_x_3:
        /*0070*/                   LDGSTS.E.BYPASS.128 [R10], desc[UR8][R24.64], P0 ;
        /*0080*/                   LDGDEPBAR ;
        /*0090*/               @P1 BRA `(.L_x_4) ;
        /*00a0*/                   CS2R R20, SRZ ;
        /*00b0*/                   CS2R R22, SRZ ;
.L_x_4:
        /*00c0*/                   LDSM.16.M88.4 R4, [R5] ;
        /*00d0*/                   HMMA.16816.F32.BF16 R20, R4, R6, R20 ;
        /*00e0*/                   HMMA.16816.F32.BF16 R20, R4, R8, R20 ;
        /*00f0*/              @!P2 BRA `(.L_x_2) ;
        /*0100*/                   LDG.E R16, desc[UR8][R18.64] ;
        /*0110*/                   FSETP.GEU.AND P0, PT, R20, R16, PT ;
        /*0120*/                   VOTE.ANY P0, P0 ;
        /*0130*/              @!P0 BRA `(.L_x_5) ;
        /*0140*/                   SEL R17, RZ, 0x1, !P0 ;
        /*0150*/                   ATOMS.ADD R17, [R5], R17 ;
.L_x_5:
        /*0160*/                   ISETP.GE.AND P3, PT, R9, R1, PT ;
        /*0170*/              @!P3 BRA `(.L_x_1) ;
        /*0180*/                   EXIT ;
.L_x_6:
        /*0190*/                   BRA `(.L_x_6);
"""


class MachineCode(unittest.TestCase):
    def setUp(self):
        self.scan = sass.Scan(sass.functions(CODE)["scan"])

    def test_a_slice_takes_the_way_without_what_is_rare(self):
        self.assertEqual([x.opcode for x in self.scan.slice], ["BAR", "BRA", "LDGSTS", "LDGDEPBAR", "BRA", "LDSM", "HMMA", "HMMA", "BRA"])
        self.assertEqual(self.scan.prologue_of_slice(), 6)
        self.assertEqual([x.opcode for x in self.scan.begin], ["CS2R", "CS2R"])

    def test_a_tile_without_hits_and_what_a_hit_adds(self):
        self.assertEqual([x.opcode for x in self.scan.epilogue], ["LDG", "FSETP", "VOTE", "BRA", "ISETP", "BRA"])
        self.assertEqual(self.scan.hit(), 2)

    def test_counts(self):
        counts = sass.count(self.scan.epilogue)
        self.assertEqual((counts["all"], counts["compare"], counts["global"], counts["alu"]), (6, 3, 1, 2))
        self.assertEqual(budget.products(self.scan.slice[6]), 16 * 8 * 16)

    def test_code_without_products_is_refused(self):
        plain = "\n".join(line for line in CODE.splitlines() if "HMMA" not in line)
        with self.assertRaisesRegex(ValueError, "no loop"):
            sass.Scan(sass.functions(plain)["scan"])

    def test_local_memory_is_seen(self):
        spilling = CODE.replace("MOV R1, RZ", "STL [R1], R7")
        found = [compiled.Kernel("80", "bfloat16", 16, False, 32, 0, 0, sass.functions(code)["scan"]).spills() for code in (CODE, spilling)]
        self.assertEqual(found, [False, True])
        self.assertTrue(compiled.Kernel("80", "bfloat16", 16, False, 32, 0, 8, sass.functions(CODE)["scan"]).spills())


class Log(unittest.TestCase):
    def test_resources(self):
        log = ("ptxas info    : Compiling entry function 'a' for 'sm_80'\nptxas info    : Function properties for a\n"
               "    16 bytes stack frame, 12 bytes spill stores, 20 bytes spill loads\nptxas info    : Used 255 registers, used 1 barriers\n"
               "ptxas info    : Compiling entry function 'b' for 'sm_80'\nptxas info    : Function properties for b\n"
               "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\nptxas info    : Used 40 registers, used 1 barriers\n")
        self.assertEqual(compiled.resources(log), {"a": (255, 16, 32), "b": (40, 0, 0)})


class Names(unittest.TestCase):
    def test_kernels_are_known_by_their_mangled_names(self):
        names = {"_ZN5segue7kernels4cuda11scan_kernelILNS0_5DTypeE1ELi256ELb1EEEvNS1_4ScanE": ("scan_kernel", "256", "1"),
                 "_ZN5segue7kernels4cuda11scan_kernelILNS0_5DTypeE3ELi16ELNS1_7ScanForE0EEEvNS1_4ScanE": ("scan_kernel", "16", "0"),
                 "_ZN5segue7kernels4cuda17scan_wgmma_kernelILNS0_5DTypeE1ELi128ELNS1_7ScanForE2EEEvNS1_4ScanE": ("scan_wgmma_kernel", "128", "2")}
        for name, parts in names.items():
            self.assertEqual(compiled.NAME.search(name).groups(), parts)


class Formulas(unittest.TestCase):
    def test_blocks_on_a_multiprocessor(self):
        a100 = machines.MACHINES[0]
        # 235 registers become 240: 8 warps x 7,680 fit once into 65,536. 75 become 80: three times.
        self.assertEqual(machines.blocks_per_processor(a100, 235, 256, 60_000), (1, "registers"))
        self.assertEqual(machines.blocks_per_processor(a100, 75, 256, 40_000), (3, "registers"))
        self.assertEqual(machines.blocks_per_processor(a100, 75, 256, 65_536), (2, "shared memory"))
        self.assertEqual(machines.blocks_per_processor(a100, 32, 256, 164 * 1024), (0, "shared memory"))

    def test_shared_memory_is_that_of_the_kernel(self):
        sizes = compiled.read_sizes(ROOT)
        self.assertEqual((sizes.tile_items, sizes.slice_bytes), (128, 128))
        # sizeof(ScanShared) with 3 stages and 1,024 hits; then 256 queries of 16 bytes of bounds and two slices.
        self.assertEqual(budget.Sizes(128, 128, 3, 1024).shared_bytes(256, 256), 60_544 + 256 * (16 + 256))
        self.assertEqual(budget.Sizes(128, 128, 3, 1024).shared_bytes(16, 16), 60_544 + 16 * (16 + 128))

    def test_ranks_are_those_of_the_notes_of_the_sample(self):
        # ceil(s k + 5 sqrt(s k) + 1): about 16 times as many items are candidates.
        self.assertEqual([16 * budget.sample_rank(k) for k in (10, 100, 1000)], [96, 320, 1664])

    def test_traffic(self):
        # 1M x 64 in bfloat16: 128 MB of items; a query's million scores are written and read.
        self.assertEqual(traffic.unfused("bfloat16", 64, 64, 1_000_000, 100), 128e6 + 64 * (128 + 8e6 + 800))
        self.assertLess(traffic.fused("bfloat16", 64, 64, 1_000_000, 100), 1.1 * 128e6)


@unittest.skipUnless(os.environ.get("SEGUE_LONG_TESTS"), "compiles all kernels, and may install the disassembler: SEGUE_LONG_TESTS=1")
class Kernels(unittest.TestCase):
    def test_nothing_lies_in_local_memory(self):
        ran = subprocess.run([sys.executable, ROOT / "tools" / "bench" / "kernel_budget", "--check"], capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertRegex(ran.stdout, "nothing of \\d+ kernels lies in local memory")


if __name__ == "__main__":
    unittest.main()
