# The CMake files in ROS's Python wheels name include folders of the machine that built the wheels, and
# CMake refuses imported targets with folders that do not exist. Nothing changes on a distribution.

# Remove absolute include folders that do not exist from every target imported so far.
macro(drop_missing_include_dirs)
  get_property(_imported_targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(_target ${_imported_targets})
    _drop_missing_include_dirs_of(${_target})
  endforeach()
  unset(_imported_targets)
endmacro()

function(_drop_missing_include_dirs_of target)
  get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
  if(NOT folders)
    return()
  endif()
  set(existing "")
  foreach(folder IN LISTS folders)
    if(NOT IS_ABSOLUTE "${folder}" OR EXISTS "${folder}")
      list(APPEND existing "${folder}")
    endif()
  endforeach()
  set_property(TARGET ${target} PROPERTY INTERFACE_INCLUDE_DIRECTORIES "${existing}")
endfunction()
