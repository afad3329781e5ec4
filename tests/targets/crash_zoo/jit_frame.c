// Crashes in code that was made at run time, with a frame pointer.
#include <string.h>
#include <sys/mman.h>

__attribute__((noinline)) int run(int (*code)(void)) { return code() + 1; }
int main(void) {
  // push rbp; mov rbp, rsp; sub rsp, 32; xor eax, eax; mov [rax], eax
  static const unsigned char bytes[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20,
                                        0x31, 0xc0, 0x89, 0x00, 0xc9, 0xc3};
  char *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(code, 0xcc, 4096);
  memcpy(code + 64, bytes, sizeof bytes);
  return run((int (*)(void))(void *)(code + 64)) + 1;
}
