# Tests in Python (unittest), one CTest entry a file; tools/test counts their cases like those of GoogleTest.
#
#   segue_add_python_tests(<folder> SOURCES <file>_test.py ... [LABELS ...] [TIMEOUT seconds])
#
# They find the program as SEGUE_PROGRAM, the source tree as SEGUE_SOURCE_DIR and the build directory as SEGUE_BUILD_DIR.
function(segue_add_python_tests folder)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 600)
  endif()
  foreach(source IN LISTS ARG_SOURCES)
    cmake_path(GET source STEM name)
    string(REGEX REPLACE "_test$" "" name ${name})
    add_test(NAME ${folder}/${name} COMMAND ${SEGUE_PYTHON} ${PROJECT_SOURCE_DIR}/tools/check/unittest_runner.py
      ${CMAKE_CURRENT_SOURCE_DIR}/${source})
    set_tests_properties(${folder}/${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
    set(environment "GTEST_OUTPUT=xml:${PROJECT_BINARY_DIR}/test_results/${folder}_" "PYTHONDONTWRITEBYTECODE=1"
      "SEGUE_SOURCE_DIR=${PROJECT_SOURCE_DIR}" "SEGUE_BUILD_DIR=${PROJECT_BINARY_DIR}")
    if(TARGET segue)
      list(APPEND environment "SEGUE_PROGRAM=$<TARGET_FILE:segue>")
    endif()
    set_tests_properties(${folder}/${name} PROPERTIES ENVIRONMENT "${environment}")
  endforeach()
endfunction()
