# Compiler flags shared by all targets.
#
# -fno-strict-aliasing is libuv's own advice to its users. Asserts stay on in release builds (a broken
# invariant must stop a worker, not lose money), so NDEBUG is never set. C code keeps its unwind tables: LuaJIT
# raises errors through C frames.
add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
  -Wwrite-strings -fno-strict-aliasing -funwind-tables -fno-omit-frame-pointer)
add_compile_definitions(_GNU_SOURCE)
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")

# All symbols are found at the start: the checker is forked for each reload, and would look for its own each time.
add_link_options(-Wl,-z,relro,-z,now)

if(MOONBID_WERROR OR DEFINED ENV{CI})
  add_compile_options(-Werror)
endif()
if(MOONBID_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
  add_compile_definitions(MOONBID_SANITIZE=1)
endif()
if(MOONBID_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
