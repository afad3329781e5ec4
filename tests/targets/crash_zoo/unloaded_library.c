// Calls into a library that was unloaded. The library's path is the first argument.
#include <dlfcn.h>

__attribute__((noinline)) int call(int (*function)(int)) { return function(1) + 1; }
int main(int argc, char **argv) {
  void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : 0;
  if (library == 0) return 64;
  int (*function)(int) = (int (*)(int))dlsym(library, "library_entry");
  dlclose(library);
  return call(function) + 1;
}
