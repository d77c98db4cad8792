# One folder, one library.
#
#   segue_add_library(<folder> SOURCES ... [USES folder ...] [LIBRARIES target ...] [TORCH])
#
# USES names the folders it may include from; tools/check/layers.py holds the includes to it. LIBRARIES are
# third-party targets. TORCH marks a folder that may use LibTorch: only those listed in SEGUE_TORCH_FOLDERS.
set(SEGUE_TORCH_FOLDERS batching models model_kinds training torchscript recommend cuda_plugin cli)

function(segue_add_library folder)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;USES;LIBRARIES" ${ARGN})
  if(ARG_TORCH AND NOT folder IN_LIST SEGUE_TORCH_FOLDERS)
    message(FATAL_ERROR "${folder}/ may not use LibTorch (SEGUE_TORCH_FOLDERS)")
  endif()
  if(ARG_TORCH AND NOT SEGUE_WITH_TORCH)
    return()
  endif()
  add_library(segue_${folder} STATIC ${ARG_SOURCES})
  target_include_directories(segue_${folder} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/src)
  list(TRANSFORM ARG_USES PREPEND segue_)
  target_link_libraries(segue_${folder} PUBLIC ${ARG_USES} ${ARG_LIBRARIES} PRIVATE segue_warnings)
  if(ARG_TORCH)
    target_link_libraries(segue_${folder} PUBLIC segue::torch)
    segue_reuse_torch_headers(segue_${folder})
  endif()
endfunction()

# The tests of one folder, one executable and one CTest entry:
#
#   segue_add_tests(<folder> SOURCES <file>_test.cc ... [USES folder ...] [LIBRARIES target ...] [TORCH] [LABELS ...])
function(segue_add_tests folder)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;USES;LIBRARIES;LABELS" ${ARGN})
  if(ARG_TORCH AND NOT SEGUE_WITH_TORCH)
    return()
  endif()
  string(REPLACE "/" "_" target ${folder}_test)
  add_executable(${target} ${ARG_SOURCES})
  list(TRANSFORM ARG_USES PREPEND segue_)
  target_link_libraries(${target} PRIVATE ${ARG_USES} ${ARG_LIBRARIES} segue_warnings GTest::gtest GTest::gmock GTest::gtest_main)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_definitions(${target} PRIVATE SEGUE_SOURCE_DIR="${PROJECT_SOURCE_DIR}" SEGUE_PYTHON="${SEGUE_PYTHON}")
  if(ARG_TORCH)
    target_link_libraries(${target} PRIVATE segue::torch)
    segue_reuse_torch_headers(${target})
  endif()
  add_test(NAME ${folder} COMMAND ${target})
  set_tests_properties(${folder} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 600
    ENVIRONMENT "GTEST_OUTPUT=xml:${PROJECT_BINARY_DIR}/test_results/")
endfunction()

# LibTorch's headers take half a minute to read: they are compiled once and shared by all TORCH targets.
function(segue_reuse_torch_headers target)
  if(NOT TARGET segue_torch_headers)
    file(WRITE ${PROJECT_BINARY_DIR}/torch_headers.cc "")
    add_library(segue_torch_headers STATIC ${PROJECT_BINARY_DIR}/torch_headers.cc)
    target_link_libraries(segue_torch_headers PUBLIC segue::torch PRIVATE segue_warnings)
    target_precompile_headers(segue_torch_headers PRIVATE
      <ATen/ATen.h> <torch/csrc/autograd/custom_function.h> <torch/csrc/autograd/variable.h> <torch/csrc/autograd/autograd.h>)
  endif()
  if(SEGUE_PRECOMPILED_HEADERS)
    # An executable would be compiled with -fPIE, and GCC refuses a precompiled header made with -fPIC.
    get_target_property(type ${target} TYPE)
    if(type STREQUAL EXECUTABLE)
      set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
      target_compile_options(${target} PRIVATE -fPIC)
    endif()
    target_precompile_headers(${target} REUSE_FROM segue_torch_headers)
  endif()
endfunction()
