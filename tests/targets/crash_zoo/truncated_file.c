// A mapped file is cut off by somebody else.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
__attribute__((noinline)) int look(const char *file) { return file[4096 + 5]; }
int main(void) {
  int fd = open("mapped.data", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, 8192) != 0) return 64;
  const char *file = mmap(0, 8192, PROT_READ, MAP_SHARED, fd, 0);
  if (ftruncate(fd, 100) != 0) return 64;
  return look(file) + 1;
}
