// segue items: what a bundle knows of its items, as files for others.

#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/output_folder.h"
#include "recommend/bundle_model.h"
#include "recommend/item_files.h"
#include "support/progress.h"
#include "support/storage.h"
#include "support/threads.h"

namespace segue::cli {
namespace {

namespace fs = std::filesystem;

struct ItemsArguments {
  std::string bundle, out;
  std::int64_t n_similar = 20;
  int threads = 0;
  bool overwrite = false;
};

Json write_items(const ItemsArguments& arguments) {
  const fs::path out = arguments.out;
  const bool is_own = fs::exists(out / recommend::kItemVectorsNpy) || fs::exists(out / recommend::kSimilarItemsParquet);
  claim_folder(out, is_own, "files of items", arguments.overwrite);
  const auto model = recommend::BundleModel::open(arguments.bundle);
  std::vector<std::string> files;
  storage::write_directory_with(out, [&](const fs::path& aside) {
    files = recommend::write_item_files(model, arguments.n_similar, aside,
                                        arguments.threads > 0 ? arguments.threads : available_threads());
  });
  if (!model.has_vectors())
    log_info("a model of the kind " + model.kind() + " gives no vectors to items: " + files.front() + " alone");
  Json result = {{"out", out.string()}, {"items", model.bundle.items.size()}};
  if (model.has_vectors()) result["dim"] = model.dim();
  result["files"] = files;
  return result;
}

}  // namespace

void add_items(CLI::App& app, GlobalOptions& global) {
  auto arguments = std::make_shared<ItemsArguments>();
  auto* command = app.add_subcommand("items", "Write the vectors of a bundle's items, and which items are similar");
  command->add_option("bundle", arguments->bundle, "Bundle that segue export wrote")->required();
  command
      ->add_option("--out", arguments->out,
                   "Folder for item_vectors.npy, item_vectors.parquet and similar_items.parquet")
      ->required();
  command->add_option("--similar", arguments->n_similar, "Similar items for each item; 0: none")
      ->check(CLI::Range(0, 1'000'000));
  command->add_option("--threads", arguments->threads, "Of the CPU; 0: all that this process may use")
      ->check(CLI::Range(0, 4096));
  command->add_flag("--overwrite", arguments->overwrite, "Replace files of items that are there");
  command->callback([arguments, &global] { print_result(global, write_items(*arguments)); });
}

}  // namespace segue::cli
