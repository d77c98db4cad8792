# Where the libraries come from: Debian's packages, and the wheels of the virtual environment SEGUE_VENV.
# LibTorch and Arrow are imported by hand: find_package(Torch) of a CUDA wheel wants nvcc at configure time and overrides its targets.
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(GTest REQUIRED)
find_package(Threads REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)

# Headers alone. Its own threads stay off (support/threads.h starts ours), and so do its files under the LGPL.
add_library(segue_eigen INTERFACE)
add_library(segue::eigen ALIAS segue_eigen)
target_link_libraries(segue_eigen INTERFACE Eigen3::Eigen)
target_compile_definitions(segue_eigen INTERFACE EIGEN_MPL2_ONLY EIGEN_DONT_PARALLELIZE EIGEN_NO_IO)

set(SEGUE_VENV ${PROJECT_SOURCE_DIR}/.venv CACHE PATH "Virtual environment that holds the torch and pyarrow wheels")
set(SEGUE_PYTHON ${SEGUE_VENV}/bin/python)
file(GLOB SEGUE_SITE_PACKAGES ${SEGUE_VENV}/lib/python3*/site-packages)
if(NOT EXISTS ${SEGUE_SITE_PACKAGES}/torch OR NOT EXISTS ${SEGUE_SITE_PACKAGES}/pyarrow)
  message(FATAL_ERROR "No torch or pyarrow wheel in ${SEGUE_VENV}: run tools/setup")
endif()
set(TORCH_DIR ${SEGUE_SITE_PACKAGES}/torch)
set(ARROW_DIR ${SEGUE_SITE_PACKAGES}/pyarrow)

# torch's own include folder holds a copy of fmt that would shadow the one spdlog was built with: Debian's goes first.
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/first)
file(CREATE_LINK /usr/include/fmt ${PROJECT_BINARY_DIR}/first/fmt SYMBOLIC)

add_library(segue_c10 SHARED IMPORTED GLOBAL)
set_target_properties(segue_c10 PROPERTIES IMPORTED_LOCATION ${TORCH_DIR}/lib/libc10.so)
add_library(segue_torch_cpu SHARED IMPORTED GLOBAL)
set_target_properties(segue_torch_cpu PROPERTIES IMPORTED_LOCATION ${TORCH_DIR}/lib/libtorch_cpu.so)
add_library(segue_torch INTERFACE)
add_library(segue::torch ALIAS segue_torch)
target_include_directories(segue_torch SYSTEM BEFORE INTERFACE ${PROJECT_BINARY_DIR}/first)
target_include_directories(segue_torch SYSTEM INTERFACE ${TORCH_DIR}/include ${TORCH_DIR}/include/torch/csrc/api/include)
# at::parallel_for is a template: compiled without OpenMP it is a plain loop. Its run-time is the one that LibTorch brings, never a second.
add_library(segue_torch_openmp SHARED IMPORTED GLOBAL)
set_target_properties(segue_torch_openmp PROPERTIES IMPORTED_LOCATION ${TORCH_DIR}/lib/libgomp.so.1)
target_compile_options(segue_torch INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>)
target_link_libraries(segue_torch INTERFACE segue_torch_cpu segue_c10 segue_torch_openmp)

file(GLOB SEGUE_ARROW_LIBRARY ${ARROW_DIR}/libarrow.so.*)
file(GLOB SEGUE_PARQUET_LIBRARY ${ARROW_DIR}/libparquet.so.*)
add_library(segue_arrow_library SHARED IMPORTED GLOBAL)
set_target_properties(segue_arrow_library PROPERTIES IMPORTED_LOCATION ${SEGUE_ARROW_LIBRARY})
add_library(segue_parquet_library SHARED IMPORTED GLOBAL)
set_target_properties(segue_parquet_library PROPERTIES IMPORTED_LOCATION ${SEGUE_PARQUET_LIBRARY})
add_library(segue_arrow INTERFACE)
add_library(segue::arrow ALIAS segue_arrow)
target_include_directories(segue_arrow SYSTEM INTERFACE ${ARROW_DIR}/include)
target_link_libraries(segue_arrow INTERFACE segue_parquet_library segue_arrow_library)
