#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>

#include "support/errors.h"
#include "support/progress.h"
#include "support/storage.h"
#include "support/threads.h"
#include "trip_world/bayes_filter.h"
#include "trip_world/prediction_file.h"
#include "trip_world/sampler.h"
#include "trip_world/trip_rows.h"
#include "trip_world/trip_world.h"

namespace segue::trip_world {
namespace {

constexpr std::string_view kFormat = "segue trip world";
constexpr int kVersion = 1;
constexpr std::int64_t kChunk = 2048;  // trips of one random stream: a part of the format, for it decides the bytes
constexpr std::int64_t kFirstUser = 1'000'001;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

/// One of train, validation, test.
struct PartPlan {
  std::string name;
  std::int64_t n_trips, first_user;
  std::uint64_t stream;  // of its first chunk
};

std::vector<Trip> draw_chunk(const Sampler& sampler, const PartPlan& part, std::uint64_t seed, std::int64_t chunk) {
  Random random(seed, part.stream + static_cast<std::uint64_t>(chunk));
  auto scratch = sampler.scratch();
  std::vector<Trip> trips(at(std::min(kChunk, part.n_trips - chunk * kChunk)));
  for (Trip& trip : trips) trip = sampler.draw(random, scratch).trip;
  return trips;
}

struct PartCounts {
  std::int64_t rows = 0;
  double seconds = 0;
};

/// Draws a part and writes it as <name>.csv; memory holds a few chunks. `keep`, if given, receives the trips.
PartCounts write_part(const Sampler& sampler, const TripRows& rows, const PartPlan& part,
                      const GenerateOptions& options, const std::filesystem::path& directory, std::vector<Trip>* keep) {
  PartCounts counts;
  const std::int64_t n_chunks = (part.n_trips + kChunk - 1) / kChunk, wave = 4 * options.n_threads;
  Progress progress("trips: " + part.name, part.n_trips, "trips");
  storage::write_file_with(directory / (part.name + ".csv"), [&](const std::filesystem::path& aside) {
    std::ofstream file(aside, std::ios::binary);
    file.exceptions(std::ios::failbit | std::ios::badbit);
    file << kEventHeader;
    std::vector<std::string> texts(at(wave));
    std::vector<std::vector<Trip>> drawn(at(wave));
    for (std::int64_t begin = 0; begin < n_chunks; begin += wave) {
      const std::int64_t n = std::min(wave, n_chunks - begin);
      parallel_ranges(n, 1, options.n_threads, [&](std::int64_t from, std::int64_t to, int) {
        for (std::int64_t i = from; i < to; ++i) {
          drawn[at(i)] = draw_chunk(sampler, part, options.seed, begin + i);
          texts[at(i)].clear();
          std::int64_t user = part.first_user + (begin + i) * kChunk;
          for (const Trip& trip : drawn[at(i)]) rows.append(trip, user++, false, texts[at(i)]);
        }
      });
      for (std::int64_t i = 0; i < n; ++i) {
        file.write(texts[at(i)].data(), static_cast<std::streamsize>(texts[at(i)].size()));
        for (const Trip& trip : drawn[at(i)]) counts.rows += trip.n_legs;
        if (keep) keep->insert(keep->end(), drawn[at(i)].begin(), drawn[at(i)].end());
        progress.advance(static_cast<std::int64_t>(drawn[at(i)].size()));
      }
    }
    file.close();
  });
  counts.seconds = progress.seconds();
  return counts;
}

std::vector<std::size_t> top(const float* probabilities, std::size_t n, std::size_t k) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  k = std::min(k, n);
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), order.end(), [&](auto a, auto b) {
    return probabilities[a] != probabilities[b] ? probabilities[a] > probabilities[b] : a < b;
  });
  order.resize(k);
  return order;
}

/// What the best reachable top 4 is expected to hit, and hits, with the standard error of the difference.
Json hits_at_4(const PredictionTable& table, const std::vector<Trip>& trips, std::size_t n_cities) {
  double expected = 0, realised = 0, variance = 0;
  for (std::size_t row = 0; row < trips.size(); ++row) {
    const float* probabilities = table.probabilities.data() + row * n_cities;
    const auto target = static_cast<std::size_t>(trips[row].city[at(trips[row].n_legs - 1)]);
    double mass = 0;
    for (const std::size_t city : top(probabilities, n_cities, 4)) {
      mass += static_cast<double>(probabilities[city]);
      realised += city == target ? 1 : 0;
    }
    expected += mass;
    variance += mass * (1 - mass);
  }
  const double n = static_cast<double>(std::max<std::size_t>(trips.size(), 1));
  return {
      {"hit_rate@4", realised / n}, {"expected_hit_rate@4", expected / n}, {"standard_error", std::sqrt(variance) / n}};
}

Json write_bayes(const World& world, const PartPlan& part, const std::vector<Trip>& trips, int n_threads,
                 const std::filesystem::path& directory) {
  const auto n_cities = at(world.n_cities());
  PredictionTable serving, challenge;
  for (std::size_t row = 0; row < trips.size(); ++row) {
    serving.trip_ids.push_back(TripRows::trip_id(part.first_user + static_cast<std::int64_t>(row)));
    serving.legs.push_back(trips[row].n_legs - 1);
  }
  challenge = serving;
  serving.probabilities.resize(trips.size() * n_cities);
  challenge.probabilities.resize(trips.size() * n_cities);
  const BayesFilter filter(world);
  Progress progress("best reachable predictions", static_cast<std::int64_t>(trips.size()), "trips");
  parallel_ranges(static_cast<std::int64_t>(trips.size()), 64, n_threads, [&](std::int64_t from, std::int64_t to, int) {
    for (std::int64_t row = from; row < to; ++row) {
      const auto prediction = filter.predict_last(trips[at(row)]);
      for (std::size_t j = 0; j < n_cities; ++j) {
        serving.probabilities[at(row) * n_cities + j] = static_cast<float>(prediction.serving[j]);
        challenge.probabilities[at(row) * n_cities + j] = static_cast<float>(prediction.challenge[j]);
      }
    }
  });
  progress.advance(static_cast<std::int64_t>(trips.size()));
  write_predictions(directory / "bayes_serving.parquet", serving, world);
  write_predictions(directory / "bayes_challenge.parquet", challenge, world);
  return {{"serving", hits_at_4(serving, trips, n_cities)}, {"challenge", hits_at_4(challenge, trips, n_cities)}};
}

void write_histories(const TripRows& rows, const PartPlan& part, const std::vector<Trip>& trips,
                     const std::filesystem::path& directory) {
  std::string text(kEventHeader);
  std::int64_t user = part.first_user;
  for (const Trip& trip : trips) rows.append(trip, user++, true, text);
  storage::write_file(directory / "test_histories.csv", text);
}

Json generator_of(const GenerateOptions& options) {
  return {{"seed", options.seed},
          {"trips", options.trips},
          {"validation_trips", options.validation_trips},
          {"test_trips", options.test_trips},
          {"cities_checksum", storage::checksum(cities_csv())}};
}

void check(const GenerateOptions& options) {
  if (options.trips < 1 || options.validation_trips < 0 || options.test_trips < 0)
    throw UsageError("generate trips: --trips must be at least 1, --validation-trips and --test-trips at least 0");
  if (options.n_threads < 1) throw UsageError("generate trips: --threads must be at least 1");
}

/// Whether the directory already holds this very world, undamaged; throws when something else stands there.
bool already_there(const std::filesystem::path& directory, const Json& generator) {
  if (!std::filesystem::exists(directory)) return false;
  if (!std::filesystem::is_directory(directory))
    throw DataError(directory.string() +
                    ": a file stands where the directory of the world should be; choose another --out");
  if (std::filesystem::is_empty(directory)) return false;
  const auto path = directory / "manifest.json";
  if (!std::filesystem::exists(path))
    throw DataError(directory.string() +
                    ": not empty and not a world of `segue generate trips`; choose another --out or empty it");
  const Json manifest = read_json(path);
  check_format(manifest, std::string(kFormat), kVersion, path.string());
  if (!manifest.contains("generator") || manifest["generator"] != generator || !manifest.contains("checksums"))
    return false;
  for (const auto& [name, checksum] : manifest["checksums"].items())
    if (!std::filesystem::exists(directory / name) || storage::file_checksum(directory / name) != checksum)
      return false;
  return true;
}

}  // namespace

Json generate(const GenerateOptions& options, const std::filesystem::path& directory) {
  check(options);
  const Json generator = generator_of(options);
  if (already_there(directory, generator)) {
    log_info(directory.string() + " already holds this world");
    return read_json(directory / "manifest.json");
  }
  const World world(options.seed, built_in_cities());
  const Sampler sampler(world);
  const TripRows rows(world);
  // Parts take streams and users one after the other, far enough apart never to meet.
  const PartPlan train{"train", options.trips, kFirstUser, 0};
  const PartPlan validation{"validation", options.validation_trips, train.first_user + train.n_trips,
                            std::uint64_t{1} << 40};
  const PartPlan test{"test", options.test_trips, validation.first_user + validation.n_trips, std::uint64_t{2} << 40};

  Json manifest = {{"format", kFormat}, {"version", kVersion}, {"generator", generator}};
  manifest["cities"] = world.n_cities();
  storage::write_directory_with(directory, [&](const std::filesystem::path& fresh) {
    std::vector<Trip> test_trips;
    double seconds = 0;
    std::int64_t n_trips = 0;
    for (const PartPlan* part : {&train, &validation, &test}) {
      const PartCounts counts = write_part(sampler, rows, *part, options, fresh, part == &test ? &test_trips : nullptr);
      manifest["parts"][part->name] = {{"trips", part->n_trips}, {"rows", counts.rows}};
      seconds += counts.seconds;
      n_trips += part->n_trips;
    }
    log_debug("drew and wrote " + with_thousands(n_trips) + " trips, " +
              with_thousands(static_cast<std::int64_t>(static_cast<double>(n_trips) / std::max(seconds, 1e-9))) +
              " trips/s");
    write_histories(rows, test, test_trips, fresh);
    manifest["bayes"] = write_bayes(world, test, test_trips, options.n_threads, fresh);
    storage::write_file(fresh / "cities.csv", TripRows::cities());
    write_json(fresh / "world.json", world.description());
    for (const char* name : {"train.csv", "validation.csv", "test.csv", "test_histories.csv", "cities.csv",
                             "world.json", "bayes_serving.parquet", "bayes_challenge.parquet"})
      manifest["checksums"][name] = storage::file_checksum(fresh / name);
    write_json(fresh / "manifest.json", manifest);
  });
  return manifest;
}

}  // namespace segue::trip_world
