#include "tests/ptx/kernel.h"

namespace segue::ptx {

const std::unordered_map<std::string_view, SpecialRegister>& special_register_names() {
  using S = SpecialRegister;
  static const std::unordered_map<std::string_view, SpecialRegister> names = {
      {"%tid.x", S::kTidX},
      {"%tid.y", S::kTidY},
      {"%tid.z", S::kTidZ},
      {"%ntid.x", S::kNtidX},
      {"%ntid.y", S::kNtidY},
      {"%ntid.z", S::kNtidZ},
      {"%ctaid.x", S::kCtaidX},
      {"%ctaid.y", S::kCtaidY},
      {"%ctaid.z", S::kCtaidZ},
      {"%nctaid.x", S::kNctaidX},
      {"%nctaid.y", S::kNctaidY},
      {"%nctaid.z", S::kNctaidZ},
      {"%laneid", S::kLaneid},
      {"%warpid", S::kWarpid},
      {"%nwarpid", S::kNwarpid},
      {"%smid", S::kSmid},
      {"%nsmid", S::kNsmid},
      {"%gridid", S::kGridid},
      {"%lanemask_eq", S::kLanemaskEq},
      {"%lanemask_le", S::kLanemaskLe},
      {"%lanemask_lt", S::kLanemaskLt},
      {"%lanemask_ge", S::kLanemaskGe},
      {"%lanemask_gt", S::kLanemaskGt},
      {"%dynamic_smem_size", S::kDynamicSmemSize},
      {"%total_smem_size", S::kTotalSmemSize},
      {"%cluster_ctarank", S::kZero},
      {"%cluster_ctaid.x", S::kZero},
      {"%cluster_ctaid.y", S::kZero},
      {"%cluster_ctaid.z", S::kZero},
      {"%cluster_nctarank", S::kOne},
      {"%cluster_nctaid.x", S::kOne},
      {"%cluster_nctaid.y", S::kOne},
      {"%cluster_nctaid.z", S::kOne}};
  return names;
}

std::string Kernel::place_of(u32 pc) const {
  const Instruction& at = code[pc];
  std::string place;
  if (at.location.line != 0 && text != nullptr && text->files.contains(at.location.file)) {
    const std::string& path = text->files.at(at.location.file);
    place = path.substr(path.rfind('/') + 1) + ":" + std::to_string(at.location.line) + " ";
  }
  return place + "(PTX line " + std::to_string(at.line) + ")";
}

const char* name_of(InstructionClass which) {
  constexpr const char* kNames[] = {"tensor", "integer",  "float",   "compare", "move",       "global",  "shared",
                                    "local",  "constant", "generic", "atomic",  "async copy", "control", "sync"};
  return kNames[static_cast<int>(which)];
}

}  // namespace segue::ptx
