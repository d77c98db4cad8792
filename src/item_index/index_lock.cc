#include "item_index/index_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "support/errors.h"

namespace segue::item_index {
namespace {

constexpr const char* kLock = "lock";

}  // namespace

IndexLock::IndexLock(const std::filesystem::path& directory)
    : descriptor_(::open((directory / kLock).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0)
    throw DataError("cannot write " + (directory / kLock).string() + ": " + std::generic_category().message(errno));
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  const int cause = errno;
  ::close(descriptor_);
  if (cause == EWOULDBLOCK)
    throw DataError(directory.string() +
                    ": another command is changing this index; run this one again when that has ended");
  throw DataError("cannot lock " + (directory / kLock).string() + ": " + std::generic_category().message(cause));
}

IndexLock::~IndexLock() { ::close(descriptor_); }

}  // namespace segue::item_index
