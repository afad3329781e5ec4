# nines_unsanitized(): programs of this directory are built without the preset's sanitizers.
#
# The sacrificial programs of tests/targets must die the way real ones do (a sanitizer turns
# SIGSEGV into exit 1), and what bench/ measures must not contain a sanitizer's start-up.
macro(nines_unsanitized)
  foreach(property COMPILE_OPTIONS LINK_OPTIONS)
    get_directory_property(options ${property})
    list(FILTER options EXCLUDE REGEX "^-fsanitize|^-fno-sanitize")
    set_directory_properties(PROPERTIES ${property} "${options}")
  endforeach()
endmacro()
