#include "support/progress.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <memory>
#include <mutex>

#include "support/errors.h"

namespace segue {
namespace {

std::atomic<Verbosity> current_verbosity = Verbosity::kNormal;

/// stderr has one writer at a time; a log line first wipes the bar that stands there.
std::mutex terminal_mutex;
bool bar_stands = false;
std::shared_ptr<spdlog::logger> file_logger;

constexpr const char* kPattern = "%H:%M:%S %v";

bool on_terminal() {
  static const bool terminal = ::isatty(STDERR_FILENO) == 1;
  return terminal;
}

void log(spdlog::level::level_enum level, Verbosity least, const std::string& message) {
  static const auto logger = [] {
    auto made = std::make_shared<spdlog::logger>("segue", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern(kPattern);
    made->set_level(spdlog::level::trace);
    return made;
  }();
  const std::string line = level == spdlog::level::warn ? "warning: " + message : message;
  const std::lock_guard lock(terminal_mutex);
  if (current_verbosity.load() >= least) {
    if (std::exchange(bar_stands, false)) std::fputs("\r\033[K", stderr);
    logger->log(level, line);
  }
  // The file of a run keeps what the screen may have been too quiet for.
  if (file_logger && least <= Verbosity::kNormal) file_logger->log(level, line);
}

/// "1.23 M", "45.6 k", "789"
std::string short_count(double n) {
  const char* unit = "";
  if (n >= 999.5e6)
    n /= 1e9, unit = " G";
  else if (n >= 999.5e3)
    n /= 1e6, unit = " M";
  else if (n >= 999.5)
    n /= 1e3, unit = " k";
  return fmt::format("{:.3g}{}", n, unit);
}

}  // namespace

void set_verbosity(Verbosity verbosity) { current_verbosity = verbosity; }
Verbosity verbosity() { return current_verbosity; }

void log_to_file(const std::string& path) {
  std::shared_ptr<spdlog::logger> made;
  if (!path.empty()) {
    try {
      made = std::make_shared<spdlog::logger>("file", std::make_shared<spdlog::sinks::basic_file_sink_mt>(path));
    } catch (const spdlog::spdlog_ex& error) {
      throw DataError("cannot write the log " + path + ": " + error.what());
    }
    made->set_pattern("%Y-%m-%dT%H:%M:%S%z %v");
    made->flush_on(spdlog::level::trace);
  }
  const std::lock_guard lock(terminal_mutex);
  file_logger = std::move(made);
}

void log_info(const std::string& message) { log(spdlog::level::info, Verbosity::kNormal, message); }
void log_warning(const std::string& message) { log(spdlog::level::warn, Verbosity::kQuiet, message); }
void log_debug(const std::string& message) { log(spdlog::level::debug, Verbosity::kVerbose, message); }

Progress::Progress(std::string label, std::int64_t total, std::string unit)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      start_(std::chrono::steady_clock::now()),
      last_drawn_(start_) {}

Progress::~Progress() { finish(); }

void Progress::advance(std::int64_t n, const std::string& note) {
  done_ += n;
  if (!note.empty()) note_ = note;
  const auto interval = on_terminal() ? std::chrono::milliseconds(100) : std::chrono::milliseconds(5000);
  const auto now = std::chrono::steady_clock::now();
  if (now - last_drawn_ < interval) return;
  last_drawn_ = now;
  draw(false);
}

void Progress::finish() {
  if (std::exchange(finished_, true)) return;
  draw(true);
}

double Progress::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Progress::draw(bool last) {
  if (current_verbosity.load() == Verbosity::kQuiet) return;
  const double elapsed = seconds();
  const double rate = elapsed > 0 ? static_cast<double>(done_) / elapsed : 0;
  std::string line = label_ + ": ";
  if (total_ > 0 && !last) {
    const double share = std::clamp(static_cast<double>(done_) / static_cast<double>(total_), 0.0, 1.0);
    if (on_terminal()) {
      const auto filled = static_cast<std::size_t>(share * 24);
      line += "[" + std::string(filled, '=') + std::string(24 - filled, ' ') + "] ";
    }
    line += fmt::format("{:.0f} %, {} of ", share * 100, with_thousands(done_)) + with_thousands(total_) + " " + unit_;
  } else {
    line += with_thousands(done_) + " " + unit_;
  }
  line += ", " + short_count(rate) + " " + unit_ + "/s";
  if (last) {
    line += ", " + human_duration(elapsed);
  } else if (total_ > 0 && rate > 0) {
    line += ", " + human_duration(std::max(0.0, static_cast<double>(total_ - done_) / rate)) + " left";
  }
  if (!note_.empty()) line += ", " + note_;
  const std::lock_guard lock(terminal_mutex);
  if (on_terminal()) {
    std::fputs(("\r\033[K" + line + (last ? "\n" : "")).c_str(), stderr);
    std::fflush(stderr);
    bar_stands = !last;
  } else {
    std::fputs((line + "\n").c_str(), stderr);
  }
}

std::string with_thousands(std::int64_t n) {
  std::string digits = std::to_string(n);
  const std::size_t first = digits.starts_with('-') ? 1 : 0;
  for (std::size_t i = digits.size(); i > first + 3;) {
    i -= 3;
    digits.insert(i, 1, ',');
  }
  return digits;
}

std::string human_duration(double seconds) {
  if (!std::isfinite(seconds)) return "unknown time";
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string human_bytes(double bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (std::abs(bytes) >= 999.5 && unit + 1 < std::size(kUnits)) bytes /= 1000, ++unit;
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

}  // namespace segue
