# One ctest test per spec file, run by busted on LuaJIT (the packaged launcher would take another Lua).
#
# Specs of the kit load our C code into the interpreter, which knows nothing of sanitizers: under that preset their
# libraries are preloaded, and the leak checker is off, because the interpreter's own memory is not ours to judge.
# Functional specs run the real binary, which is sanitized whole. Those that read the public test material are skipped
# where that is absent.
find_program(LUAJIT_PROGRAM luajit REQUIRED)
find_program(BUSTED_PROGRAM busted REQUIRED)

set(kit_environment "")
set(functional_environment
  "MOONBID_BIN=$<TARGET_FILE:moonbid>" "MOONBID_EXCHANGE_BIN=$<TARGET_FILE:moonbid-exchange>"
  "MOONBID_CROWD_BIN=$<TARGET_FILE:crowd>" "MOONBID_ALONE_BIN=$<TARGET_FILE:alone>"
  "MOONBID_LOAD_BIN=$<TARGET_FILE:load_tool>" "MOONBID_SHARED_DATA=${MOONBID_SHARED_DATA}")
if(MOONBID_SANITIZE)
  foreach(library IN ITEMS asan ubsan)
    execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=lib${library}.so
      OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    list(APPEND preloaded ${path})
  endforeach()
  list(JOIN preloaded ":" preloaded)
  set(kit_environment "LD_PRELOAD=${preloaded}" "ASAN_OPTIONS=detect_leaks=0")
  list(APPEND functional_environment "MOONBID_SLOWDOWN=10")
endif()

function(moonbid_specs folder)
  cmake_parse_arguments(ARG "" "" "ENVIRONMENT" ${ARGN})
  file(GLOB specs CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/spec/${folder}/*_spec.lua)
  foreach(spec IN LISTS specs)
    get_filename_component(name ${spec} NAME_WE)
    string(REGEX REPLACE "_spec$" "" name ${name})
    file(STRINGS ${spec} wants_material REGEX "shared_data" LIMIT_COUNT 1)
    if(wants_material AND NOT IS_DIRECTORY ${MOONBID_SHARED_DATA})
      add_test(NAME spec/${folder}/${name} COMMAND ${CMAKE_COMMAND} -E echo "skipped: no test material in ${MOONBID_SHARED_DATA}")
      set_tests_properties(spec/${folder}/${name} PROPERTIES LABELS spec SKIP_REGULAR_EXPRESSION "^skipped: ")
      continue()
    endif()
    add_test(NAME spec/${folder}/${name}
      COMMAND ${LUAJIT_PROGRAM} ${BUSTED_PROGRAM} --ignore-lua --output=plainTerminal
        --lpath=${CMAKE_SOURCE_DIR}/scripts/?.lua --cpath=${CMAKE_BINARY_DIR}/kit/?.so ${spec}
      WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(spec/${folder}/${name} PROPERTIES
      LABELS spec TIMEOUT 300 ENVIRONMENT "${ARG_ENVIRONMENT}")
  endforeach()
endfunction()

moonbid_specs(unit ENVIRONMENT ${kit_environment})
moonbid_specs(strategies ENVIRONMENT ${kit_environment})
moonbid_specs(functional ENVIRONMENT ${functional_environment})

# What they check is time: other tests beside them would be in the figures.
set_tests_properties(spec/functional/crowd spec/functional/under_load PROPERTIES RUN_SERIAL ON)
