#pragma once

#include <stdexcept>
#include <string>

namespace segue {

/// Exit codes of the program (docs: README, "Exit codes").
enum class ExitCode : int {
  kGood = 0,
  kUsage = 2,
  kConfiguration = 3,
  kData = 4,
  kDevice = 5,
  kNumeric = 6,
  kInterrupted = 130,
  kTerminated = 143
};

/// A failure with an outside cause. The message names the file, line or key, and the remedy.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// The command line is wrong.
struct UsageError : Error {
  explicit UsageError(const std::string& m) : Error(ExitCode::kUsage, m) {}
};
/// The configuration is wrong: the message holds file, line, column and key.
struct ConfigError : Error {
  explicit ConfigError(const std::string& m) : Error(ExitCode::kConfiguration, m) {}
};
/// An input or artefact is missing, damaged, of a newer format or of another model.
struct DataError : Error {
  explicit DataError(const std::string& m) : Error(ExitCode::kData, m) {}
};
/// The device or the memory is not there, or failed.
struct DeviceError : Error {
  explicit DeviceError(const std::string& m) : Error(ExitCode::kDevice, m) {}
};
/// NaN or infinity where a number should be.
struct NumericError : Error {
  explicit NumericError(const std::string& m) : Error(ExitCode::kNumeric, m) {}
};
/// SIGINT or SIGTERM arrived; the message says how to go on.
struct Interrupted : Error {
  Interrupted(int signal_number, const std::string& m)
      : Error(signal_number == 2 ? ExitCode::kInterrupted : ExitCode::kTerminated, m) {}
};

}  // namespace segue
