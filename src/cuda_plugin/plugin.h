#pragma once

#include <cstddef>
#include <cstdint>

/// What libsegue_cuda.so offers: plain C, so that nothing of CUDA crosses the border. Each returns 0, or 1 with the
/// cause in `message` (at most `size` bytes, ended by 0).
extern "C" {
using SegueCudaOpen = int(char* message, std::size_t size);                                // segue_cuda_open
using SegueCudaDeviceName = int(int device, char* name, char* message, std::size_t size);  // segue_cuda_device_name
using SegueCudaSynchronize = int(int device, char* message, std::size_t size);             // segue_cuda_synchronize
using SegueCudaMemory = int(int device, std::int64_t* figures, char* message, std::size_t size);  // segue_cuda_memory
}
