# The CUDA compiler out of its wheel: no system CUDA is needed, and none is looked for. The wheels hold no unversioned
# libcudart.so, so find_package(CUDAToolkit) would fail; the CUDA language links the static run-time by itself.
option(SEGUE_CUDA_ALL_TARGETS "Compile the kernels for every GPU generation that nvcc knows and we name" OFF)

set(SEGUE_CUDA_ROOT ${SEGUE_SITE_PACKAGES}/nvidia/cu13)
if(NOT CMAKE_CUDA_COMPILER)
  if(NOT EXISTS ${SEGUE_CUDA_ROOT}/bin/nvcc)
    message(FATAL_ERROR "No nvcc in ${SEGUE_VENV}: run tools/setup, or configure with -DSEGUE_CUDA=OFF")
  endif()
  set(CMAKE_CUDA_COMPILER ${SEGUE_CUDA_ROOT}/bin/nvcc)
endif()

if(SEGUE_CUDA_ALL_TARGETS)
  set(CMAKE_CUDA_ARCHITECTURES 80-real 86-real 89-real 90a-real 100-real 120-real 80-virtual)
elseif(NOT CMAKE_CUDA_ARCHITECTURES)
  # The GPUs of this machine, or without one: Hopper, and PTX that every later generation compiles for itself.
  set(CMAKE_CUDA_ARCHITECTURES 90a-real 80-virtual)
  find_program(SEGUE_NVIDIA_SMI nvidia-smi)
  if(SEGUE_NVIDIA_SMI)
    execute_process(COMMAND ${SEGUE_NVIDIA_SMI} --query-gpu=compute_cap --format=csv,noheader
      OUTPUT_VARIABLE present OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(present MATCHES "^[0-9]+\\.[0-9]")
      string(REPLACE "." "" present "${present}")
      string(REPLACE "\n" ";" present "${present}")
      list(REMOVE_DUPLICATES present)
      list(TRANSFORM present REPLACE "^90$" "90a")
      list(TRANSFORM present APPEND "-real")
      set(CMAKE_CUDA_ARCHITECTURES ${present})
    endif()
  endif()
endif()

if("90a-real" IN_LIST CMAKE_CUDA_ARCHITECTURES OR "90a" IN_LIST CMAKE_CUDA_ARCHITECTURES)
  add_compile_definitions($<$<COMPILE_LANGUAGE:CUDA>:SEGUE_CUDA_SM90A>)
endif()

enable_language(CUDA)
# CMake 3.25 knows no C++20 dialect of nvcc 13, and takes CMAKE_CXX_STANDARD for CUDA's unless told another.
set(CMAKE_CUDA_STANDARD 17)
# The scores are defined to the last bit: no silent contraction here either.
add_compile_options($<$<COMPILE_LANGUAGE:CUDA>:--fmad=false>)
message(STATUS "CUDA kernels for ${CMAKE_CUDA_ARCHITECTURES}")
