// Crashes in a library that is gone from the disk. The library's path is the first argument.
#include <dlfcn.h>
#include <unistd.h>

__attribute__((noinline)) int call(int (*function)(int)) { return function(1) + 1; }
int main(int argc, char **argv) {
  void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : 0;
  if (library == 0 || unlink(argv[1]) != 0) return 64;
  return call((int (*)(int))dlsym(library, "library_entry")) + 1;
}
