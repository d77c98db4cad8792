#include "tests/ptx/device_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "tests/ptx/race_cells.h"

namespace segue::ptx {
namespace {

constexpr std::size_t kGranule = 256;  // cudaMalloc's own alignment
constexpr std::size_t kGap = 4096;     // between allocations, so that a small step beside one meets nothing
constexpr std::size_t kPage = 4096;

void* map(std::size_t n_bytes, int protection, int flags, int file) {
  void* at = mmap(nullptr, n_bytes, protection, flags | MAP_NORESERVE, file, 0);
  if (at == MAP_FAILED)
    throw std::runtime_error("the software device cannot map " + std::to_string(n_bytes) + " bytes");
  return at;
}

}  // namespace

std::string Allocation::describe() const {
  return what + " #" + std::to_string(number) + " of " + std::to_string(n_bytes) + " bytes" +
         (is_freed ? ", freed" : "");
}

DevicePages::DevicePages(std::size_t capacity_bytes)
    : capacity_bytes_(capacity_bytes), address_bytes_(capacity_bytes * 8) {
  const int file = memfd_create("segue_software_device", 0);
  if (file < 0 || ftruncate(file, static_cast<off_t>(address_bytes_)) != 0)
    throw std::runtime_error("the software device cannot make its memory");
  base_ = reinterpret_cast<u64>(map(address_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1));
  data_ = static_cast<u8*>(map(address_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file));
  state_ = static_cast<u8*>(map(address_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1));
  close(file);
  next_ = base_ + kGap;
}

DevicePages::~DevicePages() {
  for (const auto& allocation : allocations_)
    if (allocation->cells != nullptr) munmap(allocation->cells, allocation->cell_bytes);
  munmap(reinterpret_cast<void*>(base_), address_bytes_);
  munmap(data_, address_bytes_);
  munmap(state_, address_bytes_);
}

u64 DevicePages::allocate(std::size_t n_bytes, std::string what) {
  const std::size_t rounded = (n_bytes + kGranule - 1) / kGranule * kGranule;
  if (used_bytes_ + rounded > capacity_bytes_ || next_ + rounded + kGap > base_ + address_bytes_) return 0;
  auto allocation = std::make_unique<Allocation>();
  allocation->begin = next_;
  allocation->n_bytes = n_bytes;
  allocation->number = ++n_allocations_;
  allocation->what = std::move(what);
  // Every allocation starts on a page of its own, so that freeing it gives the pages back.
  next_ = (next_ + rounded + kGap + kPage - 1) / kPage * kPage;
  used_bytes_ += rounded;
  std::memset(data(allocation->begin), 0xFF, n_bytes);
  allocations_.push_back(std::move(allocation));
  return allocations_.back()->begin;
}

bool DevicePages::free(u64 address) {
  Allocation* allocation = find(address);
  if (allocation == nullptr || allocation->is_freed || allocation->begin != address) return false;
  allocation->is_freed = true;
  const std::size_t rounded = (allocation->n_bytes + kGranule - 1) / kGranule * kGranule;
  used_bytes_ -= rounded;
  const std::size_t pages = (rounded + kPage - 1) / kPage * kPage;
  const u64 page = address / kPage * kPage;
  madvise(data_ + (page - base_), pages, MADV_REMOVE);
  madvise(state_ + (page - base_), pages, MADV_DONTNEED);
  if (allocation->cells != nullptr) munmap(allocation->cells, allocation->cell_bytes);
  allocation->cells = nullptr;
  return true;
}

Allocation* DevicePages::find(u64 address) {
  auto above = std::upper_bound(allocations_.begin(), allocations_.end(), address,
                                [](u64 value, const auto& allocation) { return value < allocation->begin; });
  return above == allocations_.begin() ? nullptr : std::prev(above)->get();
}

Allocation* DevicePages::holding(u64 address, std::size_t n_bytes) {
  Allocation* allocation = find(address);
  if (allocation == nullptr || allocation->is_freed || address - allocation->begin > allocation->n_bytes ||
      n_bytes > allocation->n_bytes - (address - allocation->begin))
    return nullptr;
  return allocation;
}

Cell* DevicePages::cells(Allocation& allocation) const {
  if (allocation.cells == nullptr) {
    allocation.cell_bytes = (allocation.n_bytes / 4 + 2) * sizeof(Cell);
    allocation.cells =
        static_cast<Cell*>(map(allocation.cell_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1));
  }
  return allocation.cells;
}

}  // namespace segue::ptx
