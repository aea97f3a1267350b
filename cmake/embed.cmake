# Writes OUT with the bytes of FILE as the initializer of an array.
file(READ ${FILE} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1,\n" bytes "${bytes}")
file(WRITE ${OUT} "${bytes}\n")
