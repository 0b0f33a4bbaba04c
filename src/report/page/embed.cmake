# embed.cmake: makes one C array of a page, with the style sheets and scripts that it names put in at their {{places}}.
#
# cmake -DPAGE=page.html -DNAME=tn_page_template -DOUTPUT=page_template.c -DPARTS=a.css|b.js -P embed.cmake. All is done in hexadecimal digits, since CMake's strings treat some characters of their own way.
# {{title}}, {{words}}, {{run}} and the like stay for the program to fill in (tn_page_fill).
file(READ ${PAGE} page HEX)
string(REPLACE "|" ";" parts "${PARTS}")
foreach(part ${parts})
  get_filename_component(name ${part} NAME)
  string(HEX "{{${name}}}" place)
  file(READ ${part} content HEX)
  string(HEX "</script" forbidden)
  string(FIND "${content}" "${forbidden}" at)
  if(NOT at EQUAL -1)
    message(FATAL_ERROR "${name} holds '</script', which would end the script that it is put into")
  endif()
  string(FIND "${page}" "${place}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "${PAGE} has no place {{${name}}}")
  endif()
  string(REPLACE "${place}" "${content}" page "${page}")
endforeach()
string(REGEX REPLACE "(................................)" "\\1\n" page "${page}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," page "${page}")
file(WRITE ${OUTPUT} "/* Made by src/report/page/embed.cmake; see report/webpage.h. */
#include \"report/page_template.h\"
const unsigned char ${NAME}[] = {
${page}
};
const size_t ${NAME}_size = sizeof ${NAME};
")
