#include "recommend/recommend.h"

#include <memory>

#include "cli/command.h"
#include "cli/kernel_device.h"
#include "config/section.h"
#include "model_file/bundle.h"
#include "support/errors.h"
#include "support/threads.h"

namespace segue::cli {
namespace {

struct RecommendArguments {
  std::string bundle, out;
  std::vector<std::string> histories, overrides;
  std::int64_t k = 0;
  bool resume = false, overwrite = false;
};

void run_recommend(const RecommendArguments& arguments, const GlobalOptions& global) {
  const auto bundle = model_file::Bundle::open(arguments.bundle);
  auto overrides = arguments.overrides;
  if (arguments.k > 0) overrides.push_back("recommend.k=" + std::to_string(arguments.k));
  // The settings of the run that was exported are the defaults; JSON is YAML.
  Json settings = Json::object();
  for (const char* section : {"data", "recommend"}) {
    if (bundle.manifest.contains(section)) settings[section] = bundle.manifest.at(section);
  }
  auto document = config::Document::parse(settings.dump(), arguments.bundle + "/manifest.json", overrides);
  auto root = document.root();
  int threads = 0;
  root.read("threads", threads,
            {.meaning = "of the CPU; 0: all that this process may use", .unit = "threads", .low = 0, .high = 4096});
  std::string device = "cpu";
  root.read(
      "device", device,
      {.meaning = "where items are searched: cpu, or a GPU, with the same lists: cuda, cuda:N, or auto: one where "
                  "there is one; all else is the CPU's"});
  events::SourceOptions source;
  auto data = root.section("data", "the form of the histories: as the training events, unless told otherwise");
  source.read(data);
  recommend::RecommendOptions options;
  auto section = root.section("recommend", "batch recommendations");
  options.read(section);
  document.finish();
  const auto existing = arguments.resume      ? recommend::Existing::kResume
                        : arguments.overwrite ? recommend::Existing::kReplace
                                              : recommend::Existing::kRefuse;
  print_result(global,
               recommend::recommend(arguments.bundle, source, arguments.histories, arguments.out, options,
                                    kernel_device(device, threads > 0 ? threads : available_threads()), existing));
}

}  // namespace

void add_recommend(CLI::App& app, GlobalOptions& global) {
  auto arguments = std::make_shared<RecommendArguments>();
  auto* command = app.add_subcommand("recommend", "Recommend for files of histories");
  command->add_option("bundle", arguments->bundle, "Bundle that segue export wrote")->required();
  command->add_option("overrides", arguments->overrides,
                      "key=value: recommend.*, data.format, data.columns.*, ... threads or device, for example "
                      "recommend.hide_seen=true");
  command->add_option("--histories", arguments->histories, "Files of histories (globs), columns as the training events")
      ->required();
  command->add_option("--out", arguments->out, "Folder for the shards")->required();
  command->add_option("--k", arguments->k, "Items for each history; 0: recommend.k of the bundle")
      ->check(CLI::NonNegativeNumber);
  auto* resume = command->add_flag("--resume", arguments->resume, "Go on after an interruption; finished shards stay");
  command->add_flag("--overwrite", arguments->overwrite, "Replace recommendations that are there")->excludes(resume);
  command->callback([arguments, &global] { run_recommend(*arguments, global); });
}

}  // namespace segue::cli
