# `cmake --install build/release --prefix X` gives X/bin/segue and X/lib with every library that neither glibc nor GCC's run-time
# brings: LibTorch's CPU half, Arrow, Parquet, the CUDA run-time, and Debian's spdlog, fmt, yaml-cpp, ... The tree may be moved,
# and needs neither the virtual environment nor the build directory. LibTorch's CUDA half (3 GB) is not part of it.
#
# DT_RPATH instead of DT_RUNPATH, so that it also serves what the libraries link in turn.
target_link_options(segue PRIVATE -Wl,--disable-new-dtags)
set_target_properties(segue PROPERTIES INSTALL_RPATH "$ORIGIN/../lib")
install(TARGETS segue RUNTIME DESTINATION bin)
if(TARGET segue_cuda)
  install(TARGETS segue_cuda LIBRARY DESTINATION lib)
endif()
install(FILES LICENSE README.md CHANGELOG.md DESTINATION share/doc/segue)
install(DIRECTORY configs DESTINATION share/segue)

install(CODE "
  set(segue_program \"$<TARGET_FILE:segue>\")
  set(segue_venv \"${SEGUE_VENV}\")")
install(CODE [==[
  file(GET_RUNTIME_DEPENDENCIES
    EXECUTABLES ${segue_program}
    RESOLVED_DEPENDENCIES_VAR found
    UNRESOLVED_DEPENDENCIES_VAR missing
    CONFLICTING_DEPENDENCIES_PREFIX conflicting
    PRE_EXCLUDE_REGEXES [=[^(ld-linux.*|libc|libm|libmvec|libpthread|libdl|librt|libutil|libresolv|libstdc\+\+|libgcc_s)\.so.*]=])
  if(missing)
    message(FATAL_ERROR "Libraries that were not found: ${missing}")
  endif()
  # The same library by two ways (libgomp of LibTorch and of the system): the one beside LibTorch is what it was built with.
  foreach(name IN LISTS conflicting_FILENAMES)
    set(chosen "")
    foreach(path IN LISTS conflicting_${name})
      string(FIND "${path}" "${segue_venv}" at)
      if(at EQUAL 0 OR NOT chosen)
        set(chosen ${path})
      endif()
    endforeach()
    list(APPEND found ${chosen})
  endforeach()
  foreach(path IN LISTS found)
    file(INSTALL ${path} DESTINATION "${CMAKE_INSTALL_PREFIX}/lib" TYPE SHARED_LIBRARY FOLLOW_SYMLINK_CHAIN)
  endforeach()
]==])
