#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace segue::cli {

/// What a run of the real program gave.
struct Outcome {
  int code = -1;
  std::string out, err;
};

/// Runs build/segue with these arguments (already quoted for a shell) to its end.
Outcome run_segue(const std::string& arguments, const std::string& environment = {});

/// A folder for one test, removed with it.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace segue::cli
