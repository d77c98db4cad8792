#include "report/report.h"

#include <sstream>
#include <vector>

#include "report/html.h"
#include "report/systems_chart.h"
#include "report/training_curves.h"
#include "report/trip_map.h"
#include "support/errors.h"
#include "support/json.h"
#include "support/progress.h"
#include "support/storage.h"

namespace segue::report {
namespace {

std::vector<Json> read_lines(const std::filesystem::path& path) {
  std::vector<Json> lines;
  if (!std::filesystem::exists(path)) return lines;
  std::istringstream text(storage::read_file(path));
  for (std::string line; std::getline(text, line);) {
    auto json = Json::parse(line, nullptr, false);
    if (json.is_object()) lines.push_back(std::move(json));  // a line cut by a kill is the last one: leave it out
  }
  return lines;
}

std::string card(const std::string& value, const std::string& what) {
  return "<div class=\"card\"><b>" + value + "</b><span>" + escaped(what) + "</span></div>";
}

/// The figures one looks for first.
std::string cards(const Json& evaluation, const std::string& metric, const Json& last_epoch) {
  std::string html;
  for (const auto& system : evaluation.at("systems")) {
    if (system.value("kind", "") != "model" || !system["metrics"].contains(metric)) continue;
    html +=
        card(fixed(system["metrics"][metric]["value"].get<double>(), 4), metric + " of " + system.value("name", ""));
    for (const auto& [name, cell] : system["metrics"].items())
      if (name.rfind("exact_share@", 0) == 0) {
        html += card(fixed(100 * cell["value"].get<double>(), 1) + " %",
                     "of the best reachable, in expected hits (" + name + ")");
        break;
      }
    if (system.contains("difference") && system["difference"]["metrics"].contains(metric)) {
      const auto& cell = system["difference"]["metrics"][metric];
      html += card((cell["value"].get<double>() >= 0 ? "+" : "") + fixed(cell["value"].get<double>(), 4),
                   "over the best baseline, " + system["difference"].value("to", "") +
                       (cell["low"].is_number() ? " [" + fixed(cell["low"].get<double>(), 4) + ", " +
                                                      fixed(cell["high"].get<double>(), 4) + "]"
                                                : ""));
    }
    break;
  }
  if (last_epoch.contains("seconds") && last_epoch["seconds"].is_number())
    html += card(human_duration(last_epoch["seconds"].get<double>()), "of training");
  if (last_epoch.contains("events_per_s") && last_epoch["events_per_s"].is_number())
    html += card(with_thousands(static_cast<std::int64_t>(last_epoch["events_per_s"].get<double>())),
                 "events a second in training");
  return html.empty() ? html : "<div class=\"cards\">" + html + "</div>";
}

/// What was asked: single events, or the rest of sequences as sets.
std::string questions(const Json& protocol) {
  const auto n = with_thousands(protocol.value("n_queries", std::int64_t{0}));
  const auto part = protocol.value("part", "") + " part";
  if (protocol.value("positions", "") != "rest")
    return n + " targets of the " + part + " (" + protocol.value("positions", "") + " position), each";
  return n + " sequences of the " + part + ", each asked for the rest of its items (" +
         fixed(protocol.value("mean_relevant_items", 0.0), 1) + " on average), which were";
}

std::string protocol_note(const Json& evaluation) {
  const auto& protocol = evaluation["protocol"];
  std::string note =
      questions(protocol) + " ranked among " + protocol.value("candidates", "") + "; seen items " +
      (protocol.value("hide_seen", false) ? "hidden" : "not hidden") + ". Ties: " + protocol.value("ties", "") +
      ". Intervals: " + fixed(100 * protocol.value("confidence", 0.95), 0) + " %, bootstrap over sequences.";
  if (protocol.value("unknown_targets", std::int64_t{0}) > 0)
    note += " " + with_thousands(protocol["unknown_targets"].get<std::int64_t>()) +
            " targets are unknown to training and count as misses.";
  if (protocol.value("repeated_targets", std::int64_t{0}) > 0)
    note += " " + with_thousands(protocol["repeated_targets"].get<std::int64_t>()) +
            " items of the rest stand in the history already and were not asked for.";
  if (protocol.value("test_accesses", 1) > 1)
    note += " The test part has been looked at " + std::to_string(protocol["test_accesses"].get<int>()) +
            " times by this run: do not choose by these figures.";
  return escaped(note);
}

std::string evaluation_sections(const Json& evaluation, const std::string& metric, const OutputOptions& options) {
  std::string html = "<h2>Systems side by side</h2><p class=\"note\">" + protocol_note(evaluation) + "</p>" +
                     systems_chart(evaluation, metric) +
                     "<p class=\"note\" style=\"margin-top:14px\"><b style=\"color:var(--model)\">model</b>, <b "
                     "style=\"color:var(--baseline)\">baselines</b>" +
                     ", <b style=\"color:var(--bound)\">best reachable</b> where it is known (dashed).</p>" +
                     systems_table(evaluation);
  if (const auto slices = slice_charts(evaluation, metric); !slices.empty())
    html += "<h2>Where it is good, and where not</h2>" + slices;
  if (!options.map_items.empty())
    if (const auto maps = trip_maps(evaluation, read_places(options)); !maps.empty())
      html +=
          "<h2>Example trips</h2><p class=\"note\">The line is the trip so far, its start circled; numbered dots are "
          "the first four recommendations; the orange "
          "ring is where the traveller went next; rings, where a set of places was asked for.</p>" +
          maps;
  return html;
}

}  // namespace

void write_report(const std::filesystem::path& run, const OutputOptions& options) {
  if (!std::filesystem::exists(run / "config.yaml"))
    throw DataError(run.string() +
                    ": not a run directory (no config.yaml); give the directory that `segue train` wrote");
  const auto log = read_lines(run / "training.jsonl");
  const bool evaluated = std::filesystem::exists(run / "evaluation.json");
  const Json evaluation = evaluated ? read_json(run / "evaluation.json") : Json::object();
  if (evaluated) check_format(evaluation, "segue evaluation", 1, (run / "evaluation.json").string());
  Json last_epoch = Json::object();
  for (const auto& line : log)
    if (line.value("kind", "") == "epoch") last_epoch = line;
  std::string validation_metric;
  for (const auto* holder : {&last_epoch, last_epoch.contains("validation") ? &last_epoch["validation"] : nullptr})
    if (holder && holder->is_object())
      for (const auto& [name, value] : holder->items())
        if (validation_metric.empty() && name.find('@') != std::string::npos) validation_metric = name;
  const auto chosen = last_epoch.value("metric", validation_metric);
  const auto metric = evaluated ? evaluation["protocol"].value("primary_metric", "") : std::string();

  const auto title =
      run.lexically_normal().filename().empty() ? run.parent_path().filename().string() : run.filename().string();
  std::string html =
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\"><title>" +
      escaped(title) + " – Segue</title><style>" + style_sheet() + "</style></head><body><main><h1>" + escaped(title) +
      "</h1><p class=\"note\">A run of Segue: training, and its evaluation beside simple systems.</p>";
  if (evaluated)
    html += cards(evaluation, metric, last_epoch) + evaluation_sections(evaluation, metric, options);
  else
    html += "<p class=\"note\"><b>Not evaluated yet.</b> Run <code>segue evaluate " + escaped(run.string()) +
            "</code>, then write the report again.</p>";
  if (const auto curves = training_curves(log, chosen); !curves.empty()) html += "<h2>Training</h2>" + curves;
  html += "<h2>How it was made</h2><details><summary>Configuration, every key</summary><pre>" +
          escaped(storage::read_file(run / "config.yaml")) + "</pre></details>";
  if (std::filesystem::exists(run / "manifest.json"))
    html += "<details><summary>Versions, device and data</summary><pre>" +
            escaped(storage::read_file(run / "manifest.json")) + "</pre></details>";
  html += "<footer>One file, no network. Written by <code>segue report</code>.</footer></main></body></html>\n";
  storage::write_file(run / "report.html", html);
}

}  // namespace segue::report
