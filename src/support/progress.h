#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace segue {

enum class Verbosity { kQuiet, kNormal, kVerbose };
void set_verbosity(Verbosity verbosity);  ///< from --quiet / --verbose, once at start-up
Verbosity verbosity();
/// Also writes every log line to this file (log.txt of a run directory); empty stops it.
void log_to_file(const std::string& path);
/// Log lines go to stderr, with a time; --quiet keeps warnings and errors. spdlog is behind these (its header is not
/// included).
void log_info(const std::string& message);
void log_warning(const std::string& message);
void log_debug(const std::string& message);

/// Progress of a long task, on stderr: a bar that redraws itself on a terminal, a plain line now and then otherwise,
/// nothing when quiet. Shows done / total, rate and time left. Cheap enough to call per batch (draws at most 10 times a
/// second).
class Progress {
 public:
  /// @param total  0 when unknown
  /// @param unit   what is counted: "events", "histories"
  Progress(std::string label, std::int64_t total, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void advance(std::int64_t n, const std::string& note = {});  ///< note: a few words such as "loss 4.31"
  void finish();                                               ///< ends the line; also done by the destructor
  [[nodiscard]] double seconds() const;

 private:
  std::string label_, unit_, note_;
  std::int64_t total_, done_ = 0;
  std::chrono::steady_clock::time_point start_, last_drawn_;
  bool finished_ = false;
  void draw(bool last);
};

/// "1,234,567"
std::string with_thousands(std::int64_t n);
/// "1 h 02 min", "3 min 20 s", "12.3 s"
std::string human_duration(double seconds);
/// "1.2 GB"
std::string human_bytes(double bytes);

}  // namespace segue
