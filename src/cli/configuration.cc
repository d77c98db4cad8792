#include "cli/configuration.h"

#include <cctype>

namespace segue::cli {
namespace {

bool is_device(const std::string& device) {
  if (device == "auto" || device == "cpu" || device == "cuda") return true;
  if (!device.starts_with("cuda:") || device.size() < 6 || device.size() > 8) return false;
  return device.find_first_not_of("0123456789", 5) == std::string::npos;
}

}  // namespace

Configuration Configuration::load(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  return from(config::Document::load(path, overrides));
}

Configuration Configuration::from(config::Document document) {
  Configuration c;
  config::Section root = document.root();
  root.read(
      "seed", c.seed,
      {.meaning =
           "of every random choice: same build, instruction set, threads, configuration, data and seed, same bits"});
  root.read(
      "device", c.device,
      {.meaning = "`cpu`, `cuda`, `cuda:1`, or `auto`: a GPU where one can be used and holds the model, else the CPU"});
  if (!is_device(c.device)) root.fail("device", "'" + c.device + "' is none of auto, cpu, cuda, cuda:0, cuda:1, ...");
  root.read("threads", c.threads,
            {.meaning = "of the CPU; 0: all that this process may use", .unit = "threads", .low = 0, .high = 4096});

  auto data = root.section("data", "where events are, which columns play which part, filters and split: the protocol");
  c.data.read(data);
  auto model = root.section("model", "what is trained");
  c.model.read(model);
  auto training = root.section("training", "how it is trained");
  c.training.read(training);
  auto evaluation = root.section("evaluation", "how systems are compared");
  c.evaluation.read(evaluation);
  item_index::IndexOptions index_options;
  auto index = root.optional_section("index",
                                     "how items are searched; where it is there, export puts an index into "
                                     "the bundle");
  index_options.read(index);
  if (root.has("index")) c.index = index_options;
  auto recommend = root.section("recommend", "batch recommendations");
  c.recommend.read(recommend);
  auto output = root.section("output", "where results go");
  c.output.read(output);
  auto tune = root.unkept_section("tune", "what `segue tune` searches over");
  c.tune.seed = c.seed;
  c.tune.metric = c.training.metric;
  c.tune.read(tune);
  document.finish();
  c.resolved = document.resolved();
  return c;
}

}  // namespace segue::cli
