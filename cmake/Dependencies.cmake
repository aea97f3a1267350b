# Everything here is required: nothing switches itself off when it is missing.
find_package(PkgConfig REQUIRED)
pkg_check_modules(LUAJIT REQUIRED IMPORTED_TARGET luajit)
pkg_check_modules(LIBUV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(MAXMINDDB REQUIRED IMPORTED_TARGET libmaxminddb)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

# llhttp: the distribution ships its generated C sources with the node-llhttp package.
set(LLHTTP_SOURCES /usr/share/llhttp/api.c /usr/share/llhttp/http.c /usr/share/llhttp/llhttp.c)
foreach(source IN LISTS LLHTTP_SOURCES)
  if(NOT EXISTS ${source})
    message(FATAL_ERROR "${source} is missing: install the package node-llhttp (./dev deps does)")
  endif()
endforeach()
add_library(llhttp STATIC ${LLHTTP_SOURCES})
target_include_directories(llhttp SYSTEM PUBLIC /usr/share/include/llhttp)
target_compile_options(llhttp PRIVATE -w)
