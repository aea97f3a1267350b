# Writes OUT with the commit that SOURCE is at; leaves it alone where nothing has changed, so that nothing is rebuilt.
# A source package may be unpacked inside another repository: git looks no higher than SOURCE.
get_filename_component(above ${SOURCE} REALPATH)
get_filename_component(above ${above} DIRECTORY)
execute_process(COMMAND ${CMAKE_COMMAND} -E env GIT_CEILING_DIRECTORIES=${above}
  git -C ${SOURCE} describe --always --dirty --exclude=*
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  set(commit unknown) # no repository: a source package
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define MB_COMMIT \"${commit}\"\n")
