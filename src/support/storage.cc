#include "support/storage.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "support/errors.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace segue::storage {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const char* what, const fs::path& path, int cause) {
  throw DataError(std::string("cannot ") + what + " " + path.string() + ": " + std::generic_category().message(cause));
}

/// A file descriptor that closes itself.
class Descriptor {
 public:
  Descriptor(const char* what, const fs::path& path, int flags, mode_t mode = 0666)
      : number_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (number_ < 0) fail(what, path, errno);
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int number() const { return number_; }
  void close(const fs::path& path) {
    // A full disk over the network may show only here.
    if (::close(std::exchange(number_, -1)) != 0) fail("write", path, errno);
  }

 private:
  int number_;
};

void write_all(int descriptor, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      fail("write", path, errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void sync(const fs::path& path) {
  Descriptor file("open", path, O_RDONLY);
  // Some file systems cannot sync a folder, and say so by EINVAL.
  if (::fsync(file.number()) != 0 && errno != EINVAL) fail("write", path, errno);
}

fs::path aside(const fs::path& path) { return path.string() + ".tmp-" + std::to_string(::getpid()); }

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

void make_folder_of(const fs::path& path) {
  std::error_code error;
  fs::create_directories(folder_of(path), error);
  if (error) throw DataError("cannot make the folder " + folder_of(path).string() + ": " + error.message());
}

/// Removes what was written aside unless it was renamed.
struct Leftover {
  fs::path path;
  ~Leftover() {
    std::error_code ignored;
    if (!path.empty()) fs::remove_all(path, ignored);
  }
};

/// A path without a slash at its end, which would name nothing inside it.
fs::path without_slash(const fs::path& path) { return path.has_filename() ? path : path.parent_path(); }

void sync_tree(const fs::path& directory) {
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() || entry.is_directory()) sync(entry.path());
  }
  sync(directory);
}

}  // namespace

void write_file(const fs::path& path, std::string_view bytes) {
  write_file_with(path, [&](const fs::path& file) {
    Descriptor descriptor("write", file, O_WRONLY | O_CREAT | O_TRUNC);
    write_all(descriptor.number(), bytes, path);
    descriptor.close(path);
  });
}

void write_file_with(const fs::path& path, const std::function<void(const fs::path&)>& write) {
  if (!path.has_filename() || fs::is_directory(path))
    throw DataError("cannot write " + path.string() + ": it is a folder");
  make_folder_of(path);
  Leftover leftover{aside(path)};
  write(leftover.path);
  sync(leftover.path);
  if (::rename(leftover.path.c_str(), path.c_str()) != 0) fail("write", path, errno);
  leftover.path.clear();
  sync(folder_of(path));
}

void write_directory_with(const fs::path& target, const std::function<void(const fs::path&)>& fill) {
  const fs::path path = without_slash(target);
  make_folder_of(path);
  Leftover leftover{aside(path)};
  try {
    fs::remove_all(leftover.path);
    fs::create_directory(leftover.path);
    fill(leftover.path);
    sync_tree(leftover.path);
  } catch (const fs::filesystem_error& error) {
    throw DataError("cannot write " + path.string() + ": " + error.code().message());
  }
  if (::rename(leftover.path.c_str(), path.c_str()) == 0) {
    leftover.path.clear();
  } else if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR) {
    // The old and the new one change places in one step; the old one, now aside, goes with `leftover`.
    if (::renameat2(AT_FDCWD, leftover.path.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) != 0) {
      const Leftover old{path.string() + ".old-" + std::to_string(::getpid())};
      if (::rename(path.c_str(), old.path.c_str()) != 0) fail("replace", path, errno);
      if (::rename(leftover.path.c_str(), path.c_str()) != 0) {
        const int cause = errno;
        (void)::rename(old.path.c_str(), path.c_str());
        fail("write", path, cause);
      }
      leftover.path.clear();
    }
  } else {
    fail("write", path, errno);
  }
  sync(folder_of(path));
}

std::string read_file(const fs::path& path) {
  Descriptor file("read", path, O_RDONLY);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) fail("read", path, errno);
  if (S_ISDIR(status.st_mode)) fail("read", path, EISDIR);
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t filled = 0;
  for (;;) {
    if (filled == bytes.size()) bytes.resize(bytes.size() + 4096);  // pipes and /proc report no size
    const ssize_t n = ::read(file.number(), bytes.data() + filled, bytes.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("read", path, errno);
    if (n == 0) break;
    filled += static_cast<std::size_t>(n);
  }
  bytes.resize(filled);
  return bytes;
}

namespace {

std::string hexadecimal(std::uint64_t value) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(value));
  return text.data();
}

}  // namespace

std::string checksum(std::string_view bytes) { return hexadecimal(XXH3_64bits(bytes.data(), bytes.size())); }

std::string file_checksum(const fs::path& path) {
  Descriptor file("read", path, O_RDONLY);
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(), XXH3_freeState);
  XXH3_64bits_reset(state.get());
  std::vector<char> buffer(1 << 20);
  for (;;) {
    const ssize_t n = ::read(file.number(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("read", path, errno);
    if (n == 0) break;
    XXH3_64bits_update(state.get(), buffer.data(), static_cast<std::size_t>(n));
  }
  return hexadecimal(XXH3_64bits_digest(state.get()));
}

MappedFile::MappedFile(const fs::path& path) {
  Descriptor file("read", path, O_RDONLY);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) fail("read", path, errno);
  if (!S_ISREG(status.st_mode)) fail("read", path, S_ISDIR(status.st_mode) ? EISDIR : EINVAL);
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ == 0) return;  // nothing can be mapped of an empty file
  void* data = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.number(), 0);
  if (data == MAP_FAILED) fail("map", path, errno);
  data_ = static_cast<const char*>(data);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void append_line(const fs::path& path, std::string_view line) {
  make_folder_of(path);
  Descriptor file("write", path, O_WRONLY | O_CREAT | O_APPEND);
  write_all(file.number(), std::string(line) + "\n", path);  // one write: lines of two processes do not mix
  file.close(path);
}

}  // namespace segue::storage
