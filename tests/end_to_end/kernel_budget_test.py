"""The reader of machine code behind tools/bench/kernel_budget, on small kernels counted by hand, and its formulas."""
import os
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(os.environ.get("SEGUE_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(ROOT / "tools" / "bench"))
from kernel_budget_parts import budget, compiled, machines, sass, scans, traffic

NVCC = next(ROOT.glob(".venv/lib/python3*/site-packages/nvidia/cu13/bin/nvcc"), None)
# Of each form and number of queries: threads, warps that multiply, stages, tiles whose facts are kept, buckets a tile, promised blocks.
SIZES = budget.Sizes(128, 128, 64, 1056, 512, 16, {
    ("mma", 16): budget.FormSizes(128, 4, 3, 3, 32, 3), ("mma", 64): budget.FormSizes(128, 4, 3, 3, 16, 3),
    ("mma", 128): budget.FormSizes(128, 4, 2, 2, 16, 2), ("wgmma", 128): budget.FormSizes(384, 8, 5, 6, 16, 1),
    ("wgmma", 256): budget.FormSizes(640, 16, 5, 6, 16, 1)})

# By mma.sync: a loop over tiles (.L_x_1) around one over slices (.L_x_2). Slices: rows are copied, of a last tile one by one (.L_x_3) and of others
# at once; for the first slice a tile's bounds are asked for, by few threads, and sums start. Behind them one instruction a pair of sums, and where
# it hits a row of sums: a vote, sometimes room made (.L_x_8), and a note in shared memory.
TOGETHER = """
	.section	.text.scan,"ax",@progbits
scan:
        /*0000*/                    S2R R0, SR_TID.X ;
.L_x_1:
        /*0010*/                    MOV R1, RZ ;
.L_x_2:
        /*0020*/                    DEPBAR.LE SB0, 0x1 ;
        /*0030*/                    BAR.SYNC.DEFER_BLOCKING 0x0 ;
        /*0040*/                @P0 BRA `(.L_x_6) ;
        /*0050*/               @!P1 BRA `(.L_x_4) ;
.L_x_3:
        /*0060*/                    LDGSTS.E.BYPASS.128.ZFILL [R10], desc[UR8][R24.64], P0 ;
        /*0070*/                @P5 BRA `(.L_x_3) ;
        /*0080*/                    BRA `(.L_x_5) ;
.L_x_4:
        /*0090*/               @!PT LDS RZ, [RZ] ;
        /*00a0*/                    LDGSTS.E.BYPASS.128 [R10], desc[UR8][R24.64] ;
        /*00b0*/                    LDGSTS.E.BYPASS.128 [R11], desc[UR8][R26.64] ;
.L_x_5:
        /*00c0*/                @P2 BRA `(.L_x_6) ;
        /*00d0*/                    ISETP.GT.AND P6, PT, R0, 0x5, PT ;
        /*00e0*/                @P6 BRA `(.L_x_6) ;
        /*00f0*/                    LDGSTS.E [R12], desc[UR8][R28.64], P0 ;
.L_x_6:
        /*0100*/                    LDGDEPBAR ;
        /*0110*/                @P3 BRA `(.L_x_7) ;
        /*0120*/                    FADD R20, -R30, R31 ;
        /*0130*/                    FADD R21, -R30, R32 ;
.L_x_7:
        /*0140*/                    LDSM.16.M88.4 R4, [R5] ;
        /*0150*/                    HMMA.16816.F32.BF16 R20, R4, R6, R20 ;
        /*0160*/                    HMMA.16816.F32.BF16 R20, R4, R8, R20 ;
        /*0170*/               @!P4 BRA `(.L_x_2) ;
        /*0180*/                    LOP3.LUT R10, R20, R21, R22, 0x80, !PT ;
        /*0190*/                    REDUX.OR UR6, R10 ;
        /*01a0*/                    ISETP.NE.AND P0, PT, RZ, UR6, PT ;
        /*01b0*/               @!P0 BRA `(.L_x_12) ;
        /*01c0*/                    LOP3.LUT P5, RZ, R10, 0x1, RZ, 0xc0, !PT ;
        /*01d0*/               @!P5 BRA `(.L_x_12) ;
        /*01e0*/                    SHF.L.W.U32.HI R16, R20, 0x1, R16 ;
        /*01f0*/                    VOTE.ANY R17, PT, P0 ;
        /*0200*/                @P6 BRA `(.L_x_10) ;
.L_x_8:
        /*0210*/                    LDS.64 R2, [R3] ;
        /*0220*/                @P7 BRA `(.L_x_9) ;
        /*0230*/                    ATOMG.E.ADD PT, R2, desc[UR8][R4.64], R6 ;
        /*0240*/                    STG.E desc[UR8][R4.64], R2 ;
.L_x_9:
        /*0250*/                    ISETP.GE.AND P6, PT, R9, R1, PT ;
        /*0260*/                @P6 BRA `(.L_x_8) ;
.L_x_10:
        /*0270*/                @P0 BRA `(.L_x_11) ;
        /*0280*/                    STS.64 [R3], R16 ;
.L_x_11:
        /*0290*/                    IMAD.IADD R18, R18, 0x1, R17 ;
.L_x_12:
        /*02a0*/                    ISETP.GE.AND P3, PT, R9, R1, PT ;
        /*02b0*/               @!P3 BRA `(.L_x_1) ;
        /*02c0*/                    EXIT ;
.L_x_13:
        /*02d0*/                    BRA `(.L_x_13) ;
"""

# By wgmma: tiles (.L_x_1) whose first slice is outside of the loop over the others (.L_x_3), and apart from them those who load (.L_x_8).
APART = """
	.section	.text.scan,"ax",@progbits
scan:
        /*0000*/                @P6 BRA `(.L_x_8) ;
.L_x_1:
        /*0010*/                    SYNCS.PHASECHK.TRANS64.TRYWAIT P0, [UR4], R2 ;
        /*0020*/               @!P0 BRA `(.L_x_13) ;
.L_x_2:
        /*0030*/                    FADD R24, -R30, R31 ;
        /*0040*/                    WARPGROUP.ARRIVE ;
        /*0050*/                    HGMMA.64x128x16.F32.BF16 R24, gdesc[UR16], R24 ;
        /*0060*/                @P1 BRA `(.L_x_5) ;
.L_x_3:
        /*0070*/                    SYNCS.PHASECHK.TRANS64.TRYWAIT P0, [UR4], R2 ;
        /*0080*/               @!P0 BRA `(.L_x_14) ;
.L_x_4:
        /*0090*/                    HGMMA.64x128x16.F32.BF16 R24, gdesc[UR16], R24 ;
        /*00a0*/                    WARPGROUP.DEPBAR.LE gsb0, 0x1 ;
        /*00b0*/                    SYNCS.ARRIVE.TRANS64.A1T0 RZ, [UR4], RZ ;
        /*00c0*/               @!P1 BRA `(.L_x_3) ;
.L_x_5:
        /*00d0*/                    WARPGROUP.DEPBAR.LE gsb0, 0x0 ;
        /*00e0*/                    LOP3.LUT R10, R24, R25, R26, 0x80, !PT ;
        /*00f0*/                    REDUX.OR UR6, R10 ;
        /*0100*/               @!P2 BRA `(.L_x_7) ;
        /*0110*/                    SHF.L.W.U32.HI R16, R24, 0x1, R16 ;
        /*0120*/                    VOTEU.ANY UR7, UPT, P0 ;
        /*0130*/                @P0 BRA `(.L_x_6) ;
        /*0140*/                    STS.64 [R3], R16 ;
.L_x_6:
        /*0150*/                    UIADD3 UR5, UR5, UR7, URZ ;
.L_x_7:
        /*0160*/               @!P3 BRA `(.L_x_1) ;
        /*0170*/                    EXIT ;
.L_x_8:
        /*0180*/                    SYNCS.PHASECHK.TRANS64.TRYWAIT P0, [UR4], R2 ;
        /*0190*/               @!P0 BRA `(.L_x_15) ;
.L_x_9:
        /*01a0*/                    LDGSTS.E.BYPASS.128 [R10], desc[UR8][R24.64] ;
        /*01b0*/                    LDGSTS.E.BYPASS.128 [R11], desc[UR8][R26.64] ;
        /*01c0*/                @P2 BRA `(.L_x_10) ;
        /*01d0*/                    ISETP.GT.AND P6, PT, R0, 0x5, PT ;
.L_x_10:
        /*01e0*/                    LDGDEPBAR ;
        /*01f0*/                @P3 BRA `(.L_x_11) ;
        /*0200*/                    DEPBAR.LE SB0, 0x2 ;
        /*0210*/                    SYNCS.ARRIVE.TRANS64.A1T0 RZ, [UR4], RZ ;
.L_x_11:
        /*0220*/                    ISETP.GE.AND P4, PT, R9, R1, PT ;
        /*0230*/                @P4 BRA `(.L_x_8) ;
        /*0240*/                    EXIT ;
.L_x_13:
        /*0250*/                    SYNCS.PHASECHK.TRANS64.TRYWAIT P0, [UR4], R2 ;
        /*0260*/               @!P0 BRA `(.L_x_13) ;
        /*0270*/                    BRA `(.L_x_2) ;
.L_x_14:
        /*0280*/                    SYNCS.PHASECHK.TRANS64.TRYWAIT P0, [UR4], R2 ;
        /*0290*/               @!P0 BRA `(.L_x_14) ;
        /*02a0*/                    BRA `(.L_x_4) ;
.L_x_15:
        /*02b0*/                    SYNCS.PHASECHK.TRANS64.TRYWAIT P0, [UR4], R2 ;
        /*02c0*/               @!P0 BRA `(.L_x_15) ;
        /*02d0*/                    BRA `(.L_x_9) ;
"""


def opcodes(instructions):
    return [x.opcode for x in instructions]


def function(code):
    return sass.functions(code)["scan"]


class MachineCodeOfMma(unittest.TestCase):
    def setUp(self):
        self.scan = scans.Together(function(TOGETHER))

    def test_a_slice_takes_the_way_of_a_full_tile(self):
        copies = ["LDS", "LDGSTS", "LDGSTS"]
        self.assertEqual(opcodes(self.scan.slice), ["DEPBAR", "BAR", "BRA", "BRA", *copies, "BRA", "LDGDEPBAR", "BRA", "LDSM", "HMMA", "HMMA", "BRA"])
        self.assertEqual(self.scan.prologue, 11)

    def test_the_first_slice_asks_for_facts_and_starts_sums(self):
        self.assertEqual(opcodes(self.scan.start), ["ISETP", "BRA", "FADD", "FADD"])

    def test_a_tile_without_hits_up_to_the_first_slice_of_the_next(self):
        self.assertEqual(opcodes(self.scan.look), ["LOP3", "REDUX", "ISETP", "BRA", "ISETP", "BRA", "MOV"])

    def test_what_hits_add(self):
        # LOP3 and BRA ask a row; SHF, VOTE, BRA, BRA, STS and IMAD note its hits; LDS, BRA, ATOMG, STG, ISETP and BRA hand one over.
        hits = self.scan.hits
        self.assertEqual((hits.chain, hits.row, hits.move), (2, 6, 6))

    def test_a_tile_is_its_slices_and_what_it_has_once(self):
        self.assertEqual(len(self.scan.of_tile(3)), 3 * 14 + 4 + 7)
        self.assertEqual(self.scan.of_loader(3), [])

    def test_counts(self):
        counts = sass.count(self.scan.slice)
        # What never runs is no load.
        self.assertEqual((counts["all"], counts["copy"], counts["tensor"], counts["ldmatrix"], counts["shared"]), (14, 2, 2, 1, 0))
        self.assertEqual(sass.count(self.scan.look)["alu"], 4)
        self.assertEqual(budget.products(self.scan.slice[11]), 16 * 8 * 16)

    def test_code_without_products_is_refused(self):
        plain = "\n".join(line for line in TOGETHER.splitlines() if "HMMA" not in line)
        with self.assertRaisesRegex(ValueError, "no loop"):
            scans.Together(function(plain))

    def test_local_memory_is_seen(self):
        of = ("80", "bfloat16", "mma", 16, compiled.CANDIDATES, 32, 0)
        found = [compiled.Kernel(*of, 0, function(code)).spills() for code in (TOGETHER, TOGETHER.replace("MOV R1, RZ", "STL [R1], R7"))]
        self.assertEqual(found, [False, True])
        self.assertTrue(compiled.Kernel(*of, 8, function(TOGETHER)).spills())


class MachineCodeOfWgmma(unittest.TestCase):
    def setUp(self):
        self.scan = scans.Apart(function(APART))

    def test_slices_and_what_a_tile_has_once(self):
        self.assertEqual(opcodes(self.scan.slice), ["SYNCS", "BRA", "HGMMA", "WARPGROUP", "SYNCS", "BRA"])
        self.assertEqual(opcodes(self.scan.start), ["SYNCS", "BRA", "FADD", "WARPGROUP"])
        self.assertEqual(opcodes(self.scan.look), ["BRA", "WARPGROUP", "LOP3", "REDUX", "BRA", "BRA"])
        # A slice is outside of the loop.
        self.assertEqual(len(self.scan.of_tile(1)), 4 + 1 + 6)
        self.assertEqual(len(self.scan.of_tile(3)), 4 + 1 + 6 + 2 * 6)

    def test_loaders(self):
        self.assertEqual(opcodes(self.scan.of_loader(1)),
                         ["SYNCS", "BRA", "LDGSTS", "LDGSTS", "BRA", "LDGDEPBAR", "BRA", "DEPBAR", "SYNCS", "ISETP", "BRA", "ISETP"])
        self.assertEqual(len(self.scan.of_loader(3)), 3 * 11 + 1)

    def test_hits(self):
        # SHF, VOTEU, BRA, STS and UIADD3, of which the chain has all but STS.
        self.assertEqual((self.scan.hits.chain, self.scan.hits.row), (4, 1))

    def test_four_warps_share_an_instruction(self):
        product = next(x for x in self.scan.slice if x.kind == "tensor")
        self.assertEqual(4 * budget.products(product), 64 * 128 * 16)


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


class Sizes(unittest.TestCase):
    def test_constants_come_out_of_ptx_without_their_last_zeros(self):
        ptx = ".global .align 4 .b8 mma_sizes[12] = {16, 0, 0, 0, 128, 1, 0, 0, 3};"
        self.assertEqual(compiled.data_of(ptx, "mma_sizes"), [16, 384, 3])

    def test_shared_memory(self):
        # Two stages of 16 KB, two slices of the queries, facts of two tiles, hits of four warps, bounds, four barriers.
        self.assertEqual(SIZES.shared_bytes("mma", 128, 256), 32_768 + 32_768 + 2 * 1056 + 4 * 512 + 128 * 16 + 32)
        self.assertEqual(SIZES.shared_bytes("mma", 16, 16), 49_152 + 2_048 + 3 * 1056 + 4 * 512 + 16 * 16 + 48)
        self.assertEqual(SIZES.shared_bytes("wgmma", 256, 128), 81_920 + 32_768 + 6 * 1056 + 16 * 512 + 256 * 16 + 80)

    def test_queries_of_a_block(self):
        # Two blocks of 128 must fit by mma.sync, else 64 do better; by wgmma 256 may be alone.
        large, small = 227 * 1024, 99 * 1024
        chosen = lambda form, queries, row_bytes, shared: SIZES.block_queries(form, queries, row_bytes, shared)
        self.assertEqual([chosen("mma", queries, 256, large) for queries in (1, 16, 17, 65, 8192)], [16, 16, 64, 128, 128])
        self.assertEqual([chosen("mma", 1024, 256, small), chosen("mma", 1024, 1024, large)], [64, 64])
        self.assertEqual([chosen("wgmma", queries, 256, large) for queries in (16, 64, 65, 129)], [16, 64, 128, 256])

    def test_few_queries_go_by_mma(self):
        self.assertIs(SIZES.of("wgmma", 64), SIZES.of("mma", 64))
        self.assertEqual((SIZES.of("wgmma", 256).loader_warps, SIZES.of("mma", 64).loader_warps), (4, 0))
        self.assertEqual([SIZES.of(*of).slices_ahead for of in (("mma", 64), ("mma", 128), ("wgmma", 256))], [(2, 1), (1, 1), (3, 2)])

    @unittest.skipUnless(NVCC, "no nvcc in .venv")
    def test_sizes_are_those_of_the_kernels(self):
        self.assertEqual(compiled.read_sizes(NVCC, ROOT), SIZES)


class Formulas(unittest.TestCase):
    def test_blocks_on_a_multiprocessor(self):
        a100 = machines.MACHINES[0]
        # 212 registers become 216: 4 warps x 6,912 fit twice into 65,536. 75 become 80: six times.
        self.assertEqual(machines.blocks_per_processor(a100, 212, 128, 60_000), (2, "registers"))
        self.assertEqual(machines.blocks_per_processor(a100, 75, 128, 20_000), (6, "registers"))
        self.assertEqual(machines.blocks_per_processor(a100, 75, 128, 65_536), (2, "shared memory"))
        self.assertEqual(machines.blocks_per_processor(a100, 32, 128, 164 * 1024), (0, "shared memory"))

    def test_measured_rates(self):
        # 591 TFLOP/s at 1.8 GHz on 132 multiprocessors.
        h200 = next(machine for machine in machines.MACHINES if machine.sm == "90a")
        self.assertAlmostEqual(h200.rate("mma", "bfloat16") * 2 * 132 * 1.8e9, 591e12, delta=1e6)
        self.assertEqual(h200.rate("wgmma", "bfloat16"), 2048)

    def test_a_sample_is_the_rarest_that_leaves_few_candidates(self):
        # k = 100: at 64 and 32 steps 14 and 18 of the sample are 896 and 576 candidates, more than 448; at 16 there are 25, and 400. k = 10: 7 at 64.
        self.assertEqual([budget.sample_rank(100, step) for step in (64, 32, 16)], [14, 18, 25])
        plan = lambda k: budget.plan_sample(64, 1, 1_000_000, k, 396, 16)
        self.assertEqual((plan(100).step, plan(100).n_above, plan(10).step, plan(10).n_above), (16, 400, 64, 448))
        # 62,500 items are 489 tiles; 256 blocks take two at most, of 16 buckets each.
        self.assertEqual((plan(100).n_tiles, plan(100).n_splits, plan(100).n_buckets), (489, 256, 4096))
        self.assertEqual([budget.capacity_for(*of) for of in ((25, 16), (7, 64), (1, 1))], [2048, 4096, 1024])

    def test_a_multiprocessor_between_all_at_once_and_all_in_step(self):
        made = budget.Tile({"tensor": 100, "issue": 60}, {"tile": 20, "hits": 5}, 100, {})
        self.assertEqual((made.cycles(1), made.cycles(2), made.limiter), ((100, 125), (200, 250), "tensor"))

    def test_a_sort_by_a_warp_or_by_the_block(self):
        self.assertEqual((budget.sort_cycles(464), budget.sort_cycles(1000)), (4320, 55 * 60))

    def test_traffic(self):
        # 1M x 64 in bfloat16: 128 MB of items; a query's million scores are written and read.
        self.assertEqual(traffic.unfused("bfloat16", 64, 64, 1_000_000, 100), 128e6 + 64 * (128 + 8e6 + 800))
        self.assertLess(traffic.fused(SIZES, "bfloat16", 64, 64, 1_000_000, 100), 1.12 * 128e6)


@unittest.skipUnless(os.environ.get("SEGUE_LONG_TESTS"), "compiles all kernels, and may install the disassembler: SEGUE_LONG_TESTS=1")
class Kernels(unittest.TestCase):
    def test_nothing_lies_in_local_memory(self):
        ran = subprocess.run([sys.executable, ROOT / "tools" / "bench" / "kernel_budget", "--check"], capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertRegex(ran.stdout, "nothing of \\d+ scan kernels lies in local memory")


if __name__ == "__main__":
    unittest.main()
