# embed.cmake: makes one C array of each file, for the program that writes them again (command_gradcheck.c).
#
# cmake -DOUTPUT=new_layer.c -DFILES=a.h|b.c.in -P embed.cmake. The arrays are called tn_new_layer_0, _1, ... in the order of the files.
string(REPLACE "|" ";" files "${FILES}")
set(text "/* Made by src/cli/new_layer/embed.cmake. */\n#include \"cli/new_layer.h\"\n")
set(index 0)
foreach(file ${files})
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND text "const unsigned char tn_new_layer_${index}[] = {\n${bytes}\n};\nconst size_t tn_new_layer_${index}_size = sizeof tn_new_layer_${index};\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE ${OUTPUT} "${text}")
