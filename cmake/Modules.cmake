# moonbid_module(NAME USES module... LIBRARIES target...)
#
# One folder under src is one static library; every .c file in it belongs to it. USES names the project's modules
# that it links; LIBRARIES are third-party targets, whose headers stay private to the module.
function(moonbid_module name)
  cmake_parse_arguments(ARG "" "" "USES;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  add_library(mb_${name} STATIC ${sources})
  target_include_directories(mb_${name} PUBLIC ${CMAKE_SOURCE_DIR}/include)
  target_include_directories(mb_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  foreach(used IN LISTS ARG_USES)
    target_link_libraries(mb_${name} PUBLIC mb_${used})
  endforeach()
  target_link_libraries(mb_${name} PRIVATE ${ARG_LIBRARIES})
endfunction()

# moonbid_embed(TARGET FILE NAME)
#
# Makes NAME, the bytes of FILE as the initializer of an array, for sources of TARGET to include.
function(moonbid_embed target file name)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${name})
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DFILE=${CMAKE_CURRENT_SOURCE_DIR}/${file} -DOUT=${out} -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${file} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
  target_sources(${target} PRIVATE ${out})
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
endfunction()
