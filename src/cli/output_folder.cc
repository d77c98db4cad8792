#include "cli/output_folder.h"

#include "support/errors.h"

namespace segue::cli {

void claim_folder(const std::filesystem::path& out, bool is_own, const std::string& what, bool overwrite) {
  if (!std::filesystem::exists(out)) return;
  if (!std::filesystem::is_directory(out)) throw UsageError(out.string() + " is a file: name a folder by --out");
  if (std::filesystem::is_empty(out)) return;
  if (!is_own) throw UsageError(out.string() + " is not empty and holds no " + what + ": name another folder by --out");
  if (!overwrite) throw UsageError(out.string() + " already holds " + what + ": --overwrite replaces it");
}

}  // namespace segue::cli
